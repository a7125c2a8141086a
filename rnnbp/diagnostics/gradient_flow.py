"""How much of the loss's gradient arrives at each step.

With s(t) a state of a recurrent layer and y(t) its output, backpropagation through time computes::

    dL/ds(t) = dL/ds(t+1) ds(t+1)/ds(t) + dL/dy(t) dy(t)/ds(t)

whose norm over t shows how far back the layer can learn: where it falls towards 0 the gradient vanishes, where it grows
without bound it explodes. Norms are compared with the largest ‖dL/dy(t)‖ that the sequence hands to the layer directly,
from the layers above: with r that reference and a threshold q, step t is said to be

    vanishing   if ‖dL/ds(t)‖ < r / q  (or is 0)
    exploding   if ‖dL/ds(t)‖ > r q

A loss at each step reaches each step directly, so there nothing can vanish; to see what is carried over long spans, put
the loss at the end. The gradient of a state that the cell
puts out (h) includes dL/dy(t); that of another (an LSTM's c) is what later steps ask for, and is not counted at the
last one, where it is 0.

Cost: one pass forwards and back in NumPy, and memory for all states twice.

References
----------
S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU Munich, 1991.
Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
Transactions on Neural Networks 5, 1994.
R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.data.packing import Packing
from rnnbp.diagnostics.problem import Problem, network_copy
from rnnbp.diagnostics.recording import Recorder, expect_states, recordings
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["GradientFlow", "gradient_flow"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """The norm of the loss's gradient with respect to each state at each step; see `gradient_flow`.

    Attributes
    ----------
    norm : dict of str to ndarray of shape (T, B)
        ‖dL/ds(t)‖ of each sequence, for each state under the network's name for it, like ``"0.h"``, ``"0.c"`` or
        ``"0.h_reverse"``; NaN after a sequence's end. Row t belongs to input t, in both directions.
    direct : dict of str to ndarray of shape (B,)
        For each state, the largest ‖dL/dy(t)‖ that each sequence hands to its layer: what norms are compared with.
    vanishing, exploding : dict of str to float
        The share of all steps at which each state's gradient vanishes or explodes.
    lengths : ndarray of int, of shape (B,)

    See Also
    --------
    gradient_flow
    rnnbp.plotting.plot_gradient_flow

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.GRU(1, 4), layers.LastStep(), layers.Dense(4, 1)])
    >>> flow = gradient_flow(net, np.zeros((50, 2, 1)), np.ones((2, 1)), "mean_squared_error")
    >>> flow.mean()["0.h"].shape, 0.0 <= flow.vanishing["0.h"] <= 1.0
    ((50,), True)
    """

    norm: dict[str, Array]
    direct: dict[str, Array]
    vanishing: dict[str, float]
    exploding: dict[str, float]
    lengths: NDArray[np.intp]

    def mean(self) -> dict[str, Array]:
        """Return, for each state, the mean norm at each step over the sequences that reach it, of shape (T,)."""
        return {name: np.nanmean(norm, axis=1) for name, norm in self.norm.items()}

    def __repr__(self) -> str:
        mean, last = self.mean(), int(self.lengths.max()) - 1
        lines = [
            f"GradientFlow of {len(self.lengths)} sequences of up to {last + 1} steps: ‖dL/ds(t)‖",
            f"  {'state':<14}{'t = 0':>10}{f't = {last}':>12}{'vanishing':>12}{'exploding':>12}",
        ]
        lines += [
            f"  {name:<14}{mean[name][0]:>10.1e}{mean[name][last]:>12.1e}"
            f"{self.vanishing[name]:>12.0%}{self.exploding[name]:>12.0%}"
            for name in self.norm
        ]
        return "\n".join(lines)


@explained
def gradient_flow(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    loss: Loss | str,
    lengths: ArrayLike | None = None,
    *,
    training: bool = False,
    threshold: float = 1e3,
) -> GradientFlow:
    """Return the norm of dL/ds(t) for each state s of each recurrent layer, sequence and step t.

    Parameters
    ----------
    net : Network
        It is left as it is, its random numbers too. The gradient is the exact one, by full backpropagation through
        time, whatever algorithm its layers train with.
    x, target, loss, lengths
        See `Network.loss_and_gradient`.
    training : bool, default False
        Whether dropout and teacher forcing are on.
    threshold : float, default 1000
        How many times smaller or larger than what the layer is handed directly a gradient must be, to be said to vanish
        or to explode.

    Returns
    -------
    GradientFlow

    Raises
    ------
    ValueError
        If the network has no recurrent layer, if the threshold is not above 1, or if input or target do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network, layers
    >>> net = Network([layers.Elman(1, 4, recurrent_initializer="identity"), layers.LastStep(), layers.Dense(4, 1)])
    >>> flow = gradient_flow(net, np.zeros((50, 2, 1)), np.ones((2, 1)), "mean_squared_error")
    >>> flow.norm["0.h"].shape, flow.vanishing, flow.exploding
    ((50, 2), {'0.h': 0.0}, {'0.h': 0.0})
    """
    expect_states(net, "gradient flow")
    if not threshold > 1:
        raise ValueError(f"threshold must be above 1, but {shown(threshold)} was given")
    problem = Problem.of(network_copy(net, gradient=Recorder), x, target, loss, lengths, training=training)
    problem.backward()
    seen = list(recordings(problem.net))
    packing = seen[0].packing
    if any((recording.packing.lengths != packing.lengths).any() for recording in seen):
        raise ValueError(
            "gradient flow compares steps of all recurrent layers, but a layer between them has a stride, so that they "
            "have not as many"
        )
    lengths = packing.unsort(packing.lengths)
    flow = GradientFlow({}, {}, {}, {}, lengths)
    for recording in seen:
        direct = np.nanmax(_norms(recording.output_gradient(), packing), axis=0)
        begins = np.zeros_like(lengths) if recording.backwards else lengths - 1
        for own, d in recording.state_gradients().items():
            name, norm = recording.name(own), _norms(d, packing)
            flow.norm[name], flow.direct[name] = norm, direct
            counted = ~np.isnan(norm)
            if own != recording.cell.output:  # where the way back begins, no later step has asked for it yet
                counted[begins, np.arange(len(lengths))] = False
            n = max(int(counted.sum()), 1)
            flow.vanishing[name] = float((counted & ((norm < direct / threshold) | (norm == 0))).sum() / n)
            flow.exploding[name] = float((counted & (norm > direct * threshold)).sum() / n)
    return flow


def _norms(rows: Array, packing: Packing) -> Array:
    """Return the norm of each row, of shape (T, B) and in the user's order, NaN after a sequence's end."""
    norms = packing.unpack(np.linalg.norm(rows, axis=1).astype(float))[: packing.n_steps]
    alive = np.arange(packing.n_steps)[:, None] < packing.unsort(packing.lengths)
    return np.where(alive, norms, np.nan)

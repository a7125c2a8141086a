"""Which parts of an input a network's answer hangs on.

With y the output that is asked about (for an output at each step, the sum over the steps, or one step's)::

    gradient          dy/dx                   what a small change of each feature would do
    contribution      x dy/dx                 gradient times input: to first order, what each feature has done
    frame(t)          ‖dy/dx(t)‖              one number a frame

Both are linear views of a function that is not: they say how the answer would begin to move, not why it is what it is.

References
----------
K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks: visualising image classification models
and saliency maps", ICLR workshop 2014.
A. Shrikumar, P. Greenside and A. Kundaje, "Learning important features through propagating activation differences",
ICML 2017 (gradient times input).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown
from rnnbp.diagnostics.problem import network_copy
from rnnbp.gradients import BPTT
from rnnbp.names import explained
from rnnbp.networks.network import Network, check_network

__all__ = ["Saliency", "saliency"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Saliency:
    """How an output depends on its input; see `saliency`.

    Attributes
    ----------
    x : ndarray of shape (T, B, F), or (B, F) for static examples
        The input; zeros stand after a sequence's end.
    gradient : ndarray, shaped like `x`
        dy/dx.
    output : ndarray of int, of shape (B,)
        Which output was asked about, for each sequence or example.
    lengths : ndarray of int, of shape (B,), or None
        None for static examples.

    See Also
    --------
    saliency
    rnnbp.plotting.plot_saliency

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.GRU(2, 4), layers.LastStep(), layers.Dense(4, 3)])
    >>> seen = saliency(net, np.ones((5, 1, 2)))
    >>> seen.gradient.shape, seen.frame_norm.shape
    ((5, 1, 2), (5, 1))
    """

    x: Array
    gradient: Array
    output: NDArray[np.intp]
    lengths: NDArray[np.intp] | None

    @property
    def contribution(self) -> Array:
        """Gradient times input, shaped like `x`."""
        return np.asarray(self.x * self.gradient)

    @property
    def frame_norm(self) -> Array:
        """‖dy/dx(t)‖ of each frame, of shape (T, B), or of each static example, of shape (B,)."""
        return np.asarray(np.linalg.norm(self.gradient, axis=-1))

    def __repr__(self) -> str:
        if self.lengths is None:
            return f"Saliency of outputs {self.output.tolist()} for {len(self.x)} static examples"
        peaks = self.frame_norm.argmax(axis=0)
        lines = [
            f"  sequence {i}: output {self.output[i]} hangs most on step {peaks[i]} of {self.lengths[i]}"
            for i in range(min(len(peaks), 8))
        ]
        more = [] if len(peaks) <= 8 else [f"  ... and {len(peaks) - 8} more sequences"]
        return "\n".join(["Saliency, by ‖dy/dx(t)‖", *lines, *more])


@explained
def saliency(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    output: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    *,
    step: int | None = None,
) -> Saliency:
    """Return the gradient of one output of each sequence (or static example) with respect to its input.

    Parameters
    ----------
    net : Network
        It is left as it is.
    x, lengths
        See `Network.batch`.
    output : int, array of int of shape (B,), or None, default None
        Which output: one for all, or one for each, such as the true classes. None takes each one's largest.
    step : int or None, default None
        For a network with an output at each step, the step whose output is meant (negative ones count from each
        sequence's own end); None means their sum over all steps.

    Returns
    -------
    Saliency

    Raises
    ------
    ValueError
        If there is no such output or step, if input does not fit the network, or if it is symbols (of which there are
        no small changes).

    See Also
    --------
    Saliency
    rnnbp.plotting.plot_saliency

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.MeanOverTime(), layers.Dense(2, 1)])
    >>> net.theta = [3.0, 4.0, 0.0]  # y = 3 mean(x1) + 4 mean(x2)
    >>> print(saliency(net, np.ones((5, 1, 2))).frame_norm[:, 0])
    [1. 1. 1. 1. 1.]
    """
    check_network(net)
    if net.interface.frame_rank == 0:
        raise ValueError(
            "symbols have no small changes, and so no gradient: ask the network behind the embedding, made of "
            "net.layers[1:] with their parameters, and give it the embedded symbols"
        )
    twin = network_copy(net, gradient=partial(BPTT, compiled=False))
    batch = twin.batch(x, lengths)
    packing = batch.packing
    true_lengths = None if packing is None else packing.unsort(packing.lengths)
    forward = twin.run(batch)
    y = forward.output
    asked = _asked(y, step, None if true_lengths is None else net.interface.output_lengths(true_lengths))
    if output is None:
        total = (y * asked[..., None]).sum(axis=0) if y.ndim == 3 else y
        chosen = total.argmax(axis=1)
    else:
        chosen = _check_output(output, batch.n_examples, net.n_outputs)
    d_output = np.zeros_like(y)
    d_output[..., np.arange(batch.n_examples), chosen] = asked
    gradient = forward.backward(d_output).x
    assert gradient is not None
    given = np.array(batch.rows if packing is None else packing.unpack(batch.rows))
    if packing is not None:
        given, gradient = given[: packing.n_steps], gradient[: packing.n_steps]
    return Saliency(given, gradient, chosen, true_lengths)


def _asked(y: Array, step: int | None, lengths: NDArray[np.intp] | None) -> Array:
    """Return 1 where an output counts, of shape (T, B) or (B,)."""
    if y.ndim == 2 or lengths is None:
        if step is not None:
            raise ValueError(
                f"step {step} was asked for, but this network has no output at each step: leave `step` out"
            )
        return np.ones(len(y), y.dtype)
    if step is None:
        return np.ones(y.shape[:2], y.dtype)  # nobody looks at what lies after a sequence's end
    shortest = int(lengths.min())
    if not -shortest <= step < shortest:
        raise ValueError(f"there is no step {step} in every sequence: the shortest has {shortest} steps")
    t = np.arange(len(y))[:, None]
    return np.asarray(t == (step if step >= 0 else lengths + step), y.dtype)


def _check_output(output: ArrayLike, n_examples: int, n_outputs: int) -> NDArray[np.intp]:
    given = np.asarray(output)
    if given.dtype.kind not in "iu" or given.shape not in ((), (n_examples,)):
        raise ValueError(
            f"output must be a whole number, or one for each of the {n_examples} sequences or examples, but "
            f"{shown(output)} was given"
        )
    if (given < 0).any() or (given >= n_outputs).any():
        raise ValueError(f"this network has outputs 0 to {n_outputs - 1}, but {output!r} was asked for")
    return np.broadcast_to(given, (n_examples,)).astype(np.intp)

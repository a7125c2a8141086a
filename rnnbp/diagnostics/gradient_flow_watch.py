"""`GradientFlowWatch`: a callback that sees gradients vanish or explode while a network learns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp import losses
from rnnbp.configuration import number, whole_number
from rnnbp.data.sequences import Sequences
from rnnbp.diagnostics.gradient_flow import GradientFlow, gradient_flow
from rnnbp.layers import GRU, LSTM
from rnnbp.losses import Loss
from rnnbp.names import explained_class
from rnnbp.networks.network import Network

if TYPE_CHECKING:
    from rnnbp.training.history import History

__all__ = ["GradientFlowWatch", "first_examples"]

logger = logging.getLogger("rnnbp")

ADVICE = {
    "vanishing": "early steps are hardly learnt from: try {gates}a recurrent_initializer of 'orthogonal' or "
    "'identity', or MeanOverTime in the place of LastStep",
    "exploding": "updates may be erratic: set the optimizer's clip_norm, or lower its learning rate",
}


@explained_class
class GradientFlowWatch:
    """A callback for `rnnbp.fit` that measures the gradient flow on the same few examples after each epoch.

    It changes nothing in the training. When gradients vanish or explode, it says so once in the log (logger "rnnbp",
    level WARNING), which Python prints unless logging is configured otherwise. What a run had measured before it was
    resumed is not there.

    Parameters
    ----------
    x, target, loss, lengths
        What to measure on, such as the validation data; see `gradient_flow`.
    every : int, default 1
        Measure after each so many epochs.
    n_probe : int, default 16
        How many of the examples (the first ones) are measured on.
    threshold : float, default 1000
        When a gradient is said to vanish or to explode; see `gradient_flow`.
    tolerated : float, default 0.5
        The share of a state's steps that may do so without a warning.

    Attributes
    ----------
    flows : dict of int to GradientFlow
        What was measured, by epoch (from 1); `rnnbp.plotting.plot_gradient_flow_over_training` draws it.

    Raises
    ------
    ValueError
        If a setting is out of its range. What does not fit the network, or that it has no recurrent layer, is found at
        the end of the first epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network, fit, gradients, layers
    >>> x, y = np.random.default_rng(0).normal(size=(10, 40, 2)), np.arange(40) % 2
    >>> gru = layers.GRU(2, 8, gradient=gradients.BPTT(compiled=False))
    >>> net = Network([gru, layers.LastStep(), layers.Dense(8, 2)])
    >>> watch = GradientFlowWatch(x, y, "cross_entropy", every=2)
    >>> history = fit(net, x, y, loss="cross_entropy", optimizer="adam", max_epochs=4, callbacks=[watch])
    >>> list(watch.flows), watch.flows[4].norm["0.h"].shape
    ([2, 4], (10, 16))
    """

    def __init__(
        self,
        x: ArrayLike | Sequence[ArrayLike],
        target: ArrayLike | Sequence[ArrayLike],
        loss: Loss | str,
        lengths: ArrayLike | None = None,
        *,
        every: int = 1,
        n_probe: int = 16,
        threshold: float = 1e3,
        tolerated: float = 0.5,
    ) -> None:
        self.x, self.target, self.loss, self.lengths = x, target, losses.get(loss), lengths
        self.every = whole_number("every", every)
        self.n_probe = whole_number("n_probe", n_probe)
        self.threshold = number("threshold", threshold, "(1, inf)")
        self.tolerated = number("tolerated", tolerated, "[0, 1)")
        self.flows: dict[int, GradientFlow] = {}
        self._warned: set[str] = set()

    def __call__(self, net: Network, history: History) -> None:
        """Watch an epoch's end."""
        epoch = len(history)
        if epoch % self.every:
            return
        x, target, lengths = first_examples(net, self.x, self.target, self.lengths, n=self.n_probe)
        flow = self.flows[epoch] = gradient_flow(net, x, target, self.loss, lengths, threshold=self.threshold)
        for kind, shares in {"vanishing": flow.vanishing, "exploding": flow.exploding}.items():
            state = max(shares, key=shares.__getitem__)
            if shares[state] > self.tolerated and kind not in self._warned:
                self._warned.add(kind)
                gated = isinstance(net.layers[int(state.split(".")[0])], GRU | LSTM)
                logger.warning(
                    "epoch %d: the gradient of state %s is %s at %.0f %% of the steps; %s",
                    epoch,
                    state,
                    kind,
                    100 * shares[state],
                    ADVICE[kind].format(gates="" if gated else "an LSTM or GRU, "),
                )


def first_examples(net: Network, x: Any, target: Any, lengths: Any = None, *, n: int) -> tuple[Any, Any, Any]:
    """Return x, target and lengths of the first n examples, or of all if there are fewer."""
    batch = net.batch(x, lengths)
    n = min(n, batch.n_examples)
    in_time = batch.packing is not None
    listed = isinstance(target, (list, tuple, Sequences))
    return (
        _first(x, n, time_first=in_time and batch.padded),
        _first(target, n, time_first=in_time and not net.pools_time and not listed),
        None if lengths is None else _first(lengths, n, time_first=False),
    )


def _first(values: Any, n: int, *, time_first: bool) -> Any:
    """Return the first n examples of a list, or of an array whose first axis may be time."""
    if time_first:
        return np.asarray(values)[:, :n]
    return values[:n] if isinstance(values, (list, tuple, Sequences)) else np.asarray(values)[:n]

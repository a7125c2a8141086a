"""Learning while streaming: frame by frame, on one sequence that has no end.

With the influence P_k(t) = ds_k(t)/dtheta on each recurrent layer's state (see `rnnbp.gradients.rtrl`), a frame is
learnt as soon as its target is known, and nothing of the past is kept but s and P::

    a_k(t), s_k(t) = layer k, of a_{k-1}(t) and s_k(t-1)                     (1)   a frame comes in
    P_k(t) = J_k(t) P_k(t-1) + M_k(t) + X_k(t) A_{k-1}(t)                    (2)
    dtheta = dL(t)/ds(t) P(t)                                                (3)   its target comes in
    theta <- optimizer(theta, dtheta)                                        (4)

X_k = ds_k(t)/da_{k-1}(t), and A_k = da_k(t)/dtheta: the rows of P_k that are of the layer's output, or what a layer
without time makes of A_{k-1}. So a layer knows what those below it did in the past, and with `RTRL` (3) is exact in
stacked networks too: while theta stands still, its sum over all frames is the gradient of the whole sequence. As (4)
moves theta, P is made of steps with slightly different parameters; the error is of the order of the learning rate.
`SnAp1` leaves the last term of (2) out, and hands dL(t) to the layers below through the present frame only.

Cost: that of the algorithm; with `RTRL` the parameters of a layer are all those up to it.

References
----------
R. J. Williams and D. Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
Computation 1, 1989.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses, optimizers
from rnnbp.gradients import RTRL, Recurrence
from rnnbp.gradients.linearisation import split
from rnnbp.layers import Context, Embedding, LastStep, Layer, Recurrent
from rnnbp.losses import Loss
from rnnbp.network import Network
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.sequences import Steps
from rnnbp.training import NonFiniteError
from rnnbp.workspace import Workspace

__all__ = ["OnlineLearner"]

Array = NDArray[Any]


class OnlineLearner:
    """A network that learns while it streams.

    Parameters
    ----------
    net : Network
        It is trained in place. Its recurrent layers have all ``gradient=gradients.RTRL()``, or all ``SnAp1()``.
    loss : Loss or str
    optimizer : Optimizer or str, default "adam"
        A schedule counts each frame that is learnt as an epoch.

    Attributes
    ----------
    gradient : ndarray of shape (n_parameters,)
        Of the latest frame that was learnt, after clipping; overwritten by the next.
    n_learnt : int
        How many frames were learnt.

    Raises
    ------
    TypeError
        If an argument is none of these.
    ValueError
        If a layer can not learn so: one that runs backwards or pools over time, one that has recurrent dropout (a
        sequence has one mask, and this one has no end) or another algorithm; or if a layer's influence matrix is larger
        than its algorithm's ``max_bytes`` allows.

    Examples
    --------
    >>> from rnnbp import gradients, layers
    >>> net = Network([layers.GRU(1, 8, gradient=gradients.RTRL()), layers.Dense(8, 1)])
    >>> learner = OnlineLearner(net, "mean_squared_error", optimizers.Adam(3e-3))
    >>> wave = np.sin(0.3 * np.arange(1000))
    >>> for now, following in zip(wave, wave[1:]):
    ...     forecast = learner.push([now])
    ...     error = learner.learn([following])
    >>> error < 0.01
    True
    """

    def __init__(self, net: Network, loss: Loss | str, optimizer: Optimizer | str = "adam") -> None:
        if not isinstance(net, Network):
            raise TypeError(f"net must be a Network, but {net!r} was given")
        chosen = optimizers.get(optimizer)
        if isinstance(chosen, FullBatchOptimizer):
            raise TypeError(
                f"{chosen!r} needs all data at once: to learn from a stream, take one such as Adam() or SGD()"
            )
        _expect_online(net)
        self.net, self.loss, self.optimizer = net, losses.get(loss), chosen
        self._state = chosen.init(net.theta, decayed=net.parameters.decayed)
        self.gradient, self.n_learnt = np.zeros_like(net.theta), 0
        self.reset()

    def reset(self) -> None:
        """Begin a new sequence: states and influences are zero again. What was learnt stays."""
        self._parts: list[_Part] = []
        self._output: Array | None = None
        n_below = self._n_influenced = 0
        for k, (layer, views) in enumerate(zip(self.net.layers, self.net.views, strict=True)):
            part = (_RecurrentPart if isinstance(layer, Recurrent) else _Part)(layer, views, n_below, self.net.dtype)
            if isinstance(part, _RecurrentPart) and part.algorithm.exact:
                self._n_influenced = k + 1  # layers above carry no influence
            self._parts.append(part)
            n_below = part.stop

    def push(self, frame: ArrayLike) -> Array:
        """Return the output for the next frame, which can then be learnt.

        Parameters
        ----------
        frame : array of shape (n_inputs,), or a symbol for an `Embedding`

        Returns
        -------
        ndarray of shape (n_outputs,)
            With dropout and zoneout, if the network has them: it is in training. In use there is `Network.stream`.

        Raises
        ------
        ValueError
            If it is no such frame, or if it holds NaN or infinity.
        """
        rank = 0 if isinstance(self.net.layers[0], Embedding) else 1
        if (given := np.asarray(frame)).ndim != rank:
            what = "symbol" if rank == 0 else "frame of shape (n_inputs,)"
            raise ValueError(f"expected one {what}, but the shape is {given.shape}")
        a = self.net.batch(given[None, None]).rows
        A: Array | None = np.zeros((a.shape[-1], 0), self.net.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `learn` reports what overflows
            for k, part in enumerate(self._parts):
                a, A = part.forward(a, A if k < self._n_influenced else None, self.net.rng)  # 1, 2
        self._output = a
        return np.array(a[0])

    def learn(self, target: ArrayLike) -> float:
        """Learn what the output for the latest frame should have been.

        A frame whose target is not known may be left out: its influence is carried on all the same.

        Parameters
        ----------
        target : array
            One, as the loss takes them.

        Returns
        -------
        loss : float
            Of the output that `push` has returned.

        Raises
        ------
        RuntimeError
            If no frame has been pushed since the latest one was learnt.
        ValueError
            If it is no target for the loss.
        NonFiniteError
            If the loss or its gradient is not finite; the parameters are those before this frame.
        """
        if self._output is None:
            raise RuntimeError("there is no frame to learn: push one first, and learn it once")
        net, loss = self.net, self.loss
        encoded = loss.encode(np.asarray(target)[None], net.n_outputs, leading=(1,))
        self.gradient[...] = 0
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below
            value, d_output = loss.value_and_gradient(self._output, encoded)
            da: Array | None = d_output
            for part in reversed(self._parts):
                if da is not None:
                    da = part.backward(da, self.gradient)  # 3
        if not (np.isfinite(value) and np.isfinite(self.gradient).all()):
            raise NonFiniteError(
                f"after {self.n_learnt} frames the loss is {value}, and not all of it and its gradient is finite. The "
                "parameters are those before this frame. Try a lower learning rate, or clip_norm=1.0 in the optimizer"
            )
        if net.taught is not None:
            taught = self._parts[net.taught]
            assert isinstance(taught, _RecurrentPart)
            taught.teach(loss.feedback(encoded, net.n_outputs, net.dtype))
        self.optimizer.update(net.theta, self.gradient, self._state, epoch=float(self.n_learnt), loss=value)  # 4
        self.n_learnt, self._output = self.n_learnt + 1, None
        return value


def _expect_online(net: Network) -> None:
    """Check that a network can learn while it streams."""
    algorithms: dict[str, None] = {}
    for k, layer in enumerate(net.layers):
        name = f"layer {k}, {layer!r},"
        if isinstance(layer, Recurrent):
            if layer.bidirectional or layer.reverse:
                raise ValueError(
                    f"{name} runs backwards: it needs the whole sequence, so it can not learn from a stream"
                )
            if not isinstance(layer.gradient, RTRL):
                raise ValueError(f"{name} learns from whole sequences: give it gradient=RTRL(), or SnAp1()")
            if layer.recurrent_dropout:
                raise ValueError(f"{name} keeps one dropout mask for a sequence, but a stream has no end: set it to 0")
            algorithms[type(layer.gradient).__name__] = None
        elif layer.needs_time and not isinstance(layer, LastStep):
            raise ValueError(
                f"{name} looks along time, so its output's gradient is not that of one frame: leave it out"
            )
    if len(algorithms) > 1:
        raise ValueError(f"all recurrent layers must have the same algorithm, but there are {' and '.join(algorithms)}")


class _Part:
    """A layer without time, at work on a stream."""

    def __init__(self, layer: Layer, views: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        self.layer, self.views, self.n_below, self.dtype = layer, views, n_below, dtype
        self.shapes = {name: view.shape for name, view in views.items()}
        self.stop = n_below + sum(view.size for view in views.values())
        self.workspace = Workspace()

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Return the output (1), and the influence on it of all parameters up to this layer's."""
        self.context = Context(Steps.full(1, 1), training=True, rng=rng)
        y = self.layer.forward(self.views, a, self.workspace, self.context)
        return y, None if A is None else self._influence(A, y.shape[1])

    def _influence(self, A: Array, width: int) -> Array:
        """Return dy/dtheta, by the pullback of each unit vector of y."""
        on_y = np.zeros((width, self.stop), self.dtype)
        own = split(on_y[:, self.n_below :], self.shapes)
        for row, unit in enumerate(np.eye(width, dtype=self.dtype)):
            gradients = {name: each[row] for name, each in own.items()}
            dx = self.layer.backward(self.views, gradients, unit[None], self.workspace, self.context)
            if dx is not None:
                on_y[row, : self.n_below] = dx[0] @ A
        return on_y

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the layer's parameters, and return that of its input."""
        own = split(gradient[None, self.n_below : self.stop], self.shapes)
        gradients = {name: each[0] for name, each in own.items()}
        return self.layer.backward(self.views, gradients, dy, self.workspace, self.context)


class _RecurrentPart(_Part):
    """A recurrent layer at work on a stream: its state, and the influence on it."""

    def __init__(self, layer: Layer, views: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> None:
        super().__init__(layer, views, n_below, dtype)
        assert isinstance(layer, Recurrent)
        assert isinstance(layer.gradient, RTRL)
        self.algorithm, self.cell = layer.gradient, layer.cell
        cell = layer.cell
        self.states = {name: np.zeros((1, cell.width(name)), dtype) for name in cell.states}
        still = Recurrence(cell, views, np.zeros((1, cell.n_inputs), dtype), Steps.full(1, 1), initial={})
        self.P = self.algorithm.start(still, n_below if self.algorithm.exact else 0)
        self.n_states = sum(map(cell.width, cell.states))

    def forward(self, a: Array, A: Array | None, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Carry state (1) and influence (2) on, and return the output and the influence on it."""
        self.context = Context(Steps.full(1, 1), training=True, rng=rng, initial=self.states)
        y = self.layer.forward(self.views, a, self.workspace, self.context)
        self.states = {name: state.copy() for name, state in self.context.final.items()}
        own, P = self.workspace["direction"], self.P
        previous, current = (
            {name: slab[slot] for name, slab in own["slabs"].items()} for slot in (slice(0, 1), slice(1, 2))
        )
        recurrence = own["recurrence"]
        dz = self.algorithm.carry(recurrence, own["z"], previous, current, P)  # 2
        if A is None:
            return y, None
        P[0, :, self.n_states : self.n_states + self.n_below] += recurrence.pull_input(dz[0]) @ A  # 2
        return y, P[0, self.algorithm.rows(self.cell)[self.cell.output], self.n_states :]

    def backward(self, dy: Array, gradient: Array) -> Array | None:
        """Write the gradient of the parameters that P knows (3); if not of all below, return that of the input."""
        cell, own = self.cell, self.workspace["direction"]
        d_theta = self.algorithm.contract(cell, {cell.output: dy}, self.P)[0, self.n_states :]
        gradient[self.stop - len(d_theta) : self.stop] = d_theta  # 3
        if self.algorithm.exact or not self.n_below:
            return None
        return self.algorithm.pull_input(own["recurrence"], own, dy, {})

    def teach(self, values: Array) -> None:
        """Let a teacher's values take the place of the output that is fed back."""
        cell = self.cell
        assert cell.forced is not None
        self.states[cell.forced] = values.astype(self.dtype)
        self.P[:, self.algorithm.rows(cell)[cell.forced]] = 0  # a teacher's value has no past

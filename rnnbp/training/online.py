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

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses, optimizers
from rnnbp.layers.online import OnlineLayer
from rnnbp.losses import Loss
from rnnbp.names import explained_class
from rnnbp.networks.network import Network, check_network
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.reading import read_array
from rnnbp.training import NonFiniteError

__all__ = ["OnlineLearner"]

Array = NDArray[Any]


@explained_class
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
        If a layer cannot learn so: one that runs backwards or pools over time, one that has recurrent dropout (a
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
        check_network(net)
        chosen = optimizers.get(optimizer)
        if isinstance(chosen, FullBatchOptimizer):
            raise TypeError(
                f"{chosen!r} needs all data at once: to learn from a stream, take one such as Adam() or SGD()"
            )
        _expect_online(net)
        if losses.get(loss).per_sequence:
            raise ValueError(f"{losses.get(loss)!r} needs whole sequences: to learn from a stream, take another loss")
        self.net, self.loss, self.optimizer = net, losses.get(loss), chosen
        self._state = chosen.init(net.theta, decayed=net.parameters.decayed)
        self.gradient, self.n_learnt = np.zeros_like(net.theta), 0
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an OnlineLearner cannot be pickled or copied: copy its network, and make another learner of that"
        )

    def reset(self) -> None:
        """Begin a new sequence: states and influences are zero again. What was learnt stays."""
        self._layers: list[OnlineLayer] = []
        self._output: Array | None = None
        n_below = self._n_influenced = 0
        for k, layer in enumerate(self.net.layers):
            own = layer.online(self.net.parameters.within(f"{k}."), n_below, self.net.dtype)
            if own.influences_above:
                self._n_influenced = k + 1  # layers above carry no influence
            self._layers.append(own)
            n_below = own.stop
        algorithms = dict.fromkeys(own.algorithm for own in self._layers if own.algorithm is not None)
        if len(algorithms) > 1:
            raise ValueError(
                f"all recurrent layers must have the same algorithm, but there are {' and '.join(algorithms)}"
            )

    def push(self, frame: ArrayLike) -> Array:
        """Return the output for the next frame, which can then be learnt.

        Parameters
        ----------
        frame : array of shape (n_inputs,), or a symbol for an `Embedding`

        Returns
        -------
        ndarray of shape (n_outputs,)
            With dropout and zoneout, if the network has them: it is in training; for inference there is
            `Network.stream`.

        Raises
        ------
        ValueError
            If it is no such frame, or if it holds NaN or infinity.
        """
        rank = self.net.interface.frame_rank
        if (given := read_array(frame, "the frame")).ndim != rank:
            what = "symbol" if rank == 0 else "frame of shape (n_inputs,)"
            raise ValueError(f"expected one {what}, but the shape is {given.shape}")
        a = self.net.batch(given[None, None]).rows
        A: Array | None = np.zeros((a.shape[-1], 0), self.net.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `learn` reports what overflows
            for k, layer in enumerate(self._layers):
                a, A = layer.forward(a, A if k < self._n_influenced else None, self.net.rng)  # 1, 2
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
        encoded = loss.encode(read_array(target, "the target")[None], net.n_outputs, leading=(1,))
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below
            value, d_output = loss.value_and_gradient(self._output, encoded)
            da: Array | None = d_output
            for layer in reversed(self._layers):
                if da is not None:
                    da = layer.backward(da, self.gradient)  # 3
        if not (np.isfinite(value) and np.isfinite(self.gradient).all()):
            raise NonFiniteError(
                f"after {self.n_learnt} frames the loss is {value}, and not all of it and its gradient is finite. The "
                "parameters are those before this frame. Try a lower learning rate, or clip_norm=1.0 in the optimizer"
            )
        if net.interface.teacher_forced_layer is not None:
            self._layers[net.interface.teacher_forced_layer].teach(loss.feedback(encoded, net.n_outputs, net.dtype))
        self.optimizer.update(net.theta, self.gradient, self._state, epoch=float(self.n_learnt), loss=value)  # 4
        self.n_learnt, self._output = self.n_learnt + 1, None
        return value


def _expect_online(net: Network) -> None:
    """Check that a network can learn while it streams."""
    for k, layer in enumerate(net.layers):
        try:
            layer.check_online()
        except ValueError as error:
            raise ValueError(f"layer {k}: {error}") from None

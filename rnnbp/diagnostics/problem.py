"""The loss of a network on one batch, as a function of everything that it depends on.

::

    L = loss(network(x, s(0); theta), target)

The leaves theta, x and s(0) can be changed in place, and L computed again: dropout draws the same masks every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp import losses
from rnnbp.data.batch import Batch
from rnnbp.data.packing import Packing
from rnnbp.gradients import GradientAlgorithm
from rnnbp.layers import Recurrent
from rnnbp.losses import Loss
from rnnbp.networks.network import Network, check_network
from rnnbp.networks.passes import Gradients, Pass

__all__ = ["Problem", "network_copy"]

Array = NDArray[Any]


def network_copy(
    net: Network, *, dtype: DTypeLike | None = None, gradient: Callable[[], GradientAlgorithm] | None = None
) -> Network:
    """Return a network of the same parameters, which shares no memory with `net`.

    Parameters
    ----------
    net : Network
    dtype : {"float32", "float64"} or None, default None
        None keeps it.
    gradient : callable or None, default None
        Makes the gradient algorithm of each recurrent layer in place of its own, where that runs through time (a layer
        at its fixed point keeps its own).
    """
    check_network(net)
    layers = list(net.layers)  # they hold no numbers, so they can be shared
    if gradient is not None:
        layers = [_with_gradient(a, gradient()) if isinstance(a, Recurrent) and a.needs_time else a for a in layers]
    twin = Network(layers, dtype=net.dtype if dtype is None else dtype, seed=net.seed)
    twin.theta[...] = net.theta
    twin.rng.bit_generator.state = net.rng.bit_generator.state
    return twin


def _with_gradient(layer: Recurrent, gradient: GradientAlgorithm) -> Recurrent:
    """Return a layer with another gradient algorithm, and whatever its user has changed in it."""
    twin = object.__new__(type(layer))
    vars(twin).update(vars(layer), gradient=gradient)
    return twin


@dataclass(frozen=True)
class Problem:
    """A network, a batch with its targets, and a loss.

    Attributes
    ----------
    net : Network
        Its own: it is run and changed freely.
    batch : Batch
    target : ndarray
        Encoded, in the order of the output's rows.
    loss : Loss
    training : bool
        Whether dropout and teacher forcing are on.
    initial : dict of str to ndarray of shape (B, width)
        All initial states; zero.
    draws : dict
        Where the random numbers begin.
    """

    net: Network
    batch: Batch
    target: Array
    loss: Loss
    training: bool
    initial: dict[str, Array]
    draws: Any

    @classmethod
    def of(
        cls,
        net: Network,
        x: ArrayLike | Sequence[ArrayLike],
        target: ArrayLike | Sequence[ArrayLike],
        loss: Loss | str,
        lengths: ArrayLike | None = None,
        *,
        training: bool,
    ) -> Problem:
        """Check and lay out what users have; `net` is taken as it is, so hand in a copy.

        Raises
        ------
        ValueError
            If input or target do not fit the network or the loss.
        """
        loss = losses.get(loss)
        batch = net.batch(x, lengths)
        batch = replace(batch, rows=np.array(batch.rows))
        rows = batch.lay_out_target(target, loss, net.interface)
        widths = {f"{k}.{name}": w for k, layer in enumerate(net.layers) for name, w in layer.states().items()}
        initial = {name: np.zeros((batch.n_examples, width), net.dtype) for name, width in widths.items()}
        return cls(net, batch, rows, loss, training, initial, net.rng.bit_generator.state)

    def leaves(self) -> dict[str, Array]:
        """Return what the loss depends on, to be changed in place: parameters, ``"x"`` and ``"initial <state>"``."""
        inputs = {"x": self.batch.rows} if self.batch.rows.dtype.kind == "f" else {}
        return {**self.net.parameters, **inputs, **{f"initial {name}": s for name, s in self.initial.items()}}

    def run(self) -> Pass:
        """Run the network forwards."""
        net, teacher = self.net, None
        if self.training and net.interface.teacher_forced_layer is not None:
            teacher = self.loss.feedback(self.target, net.n_outputs, net.dtype)
        net.rng.bit_generator.state = self.draws
        return net.run(self.batch, training=self.training, initial_states=self.initial, teacher=teacher)

    def value(self) -> float:
        """Return the loss."""
        return self.loss.value_and_gradient(self.run().rows, self.target)[0]

    def backward(self) -> Gradients:
        """Run forwards and back."""
        forward = self.run()
        return forward.backward_rows(self.loss.value_and_gradient(forward.rows, self.target)[1])

    def gradients(self) -> dict[str, Array]:
        """Return the loss's gradient by each leaf."""
        found = self.backward()
        named = self.net.unflatten(found.theta)
        if found.x is not None:
            named["x"] = found.x if self.batch.packing is None else self.batch.packing.pack(found.x)
        named |= {f"initial {name}": d for name, d in found.initial_states.items()}
        return {name: named[name] for name in self.leaves()}

    def truncated(self, n_steps: int) -> Problem:
        """Return the same problem with its sequences cut after so many steps."""
        packing = self.batch.packing
        assert packing is not None, "static examples have no steps"
        # rows lie step after step, longest sequence first: those that remain are the first ones
        short = Packing(np.minimum(packing.lengths, n_steps))
        output = self.net.interface.output_packing(short)
        target = self.target if output is None else self.target[: output.n_rows]
        initial = {name: np.zeros_like(state) for name, state in self.initial.items()}
        return replace(self, batch=Batch(self.batch.rows[: short.n_rows], short), target=target, initial=initial)

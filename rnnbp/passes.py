"""One pass of a network: forwards, and back once.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)
    da(K) = dL/dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)        (1')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.batch import Batch
from rnnbp.layers import Context

if TYPE_CHECKING:
    from rnnbp.network import Network

__all__ = ["Gradients", "Pass"]

Array = NDArray[Any]
States = Mapping[str, Array]


class Gradients(NamedTuple):
    """What a backward pass gives.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    x : ndarray, shaped like the input, or None if it was not asked for
    initial_states : dict of str to ndarray of shape (B, width)
    """

    theta: Array
    x: Array | None
    initial_states: dict[str, Array]


class Pass:
    """One run of a network forwards, which can be run back once.

    Its activations lie in the network's workspaces, so it is good until the network runs again.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_outputs)
        The output, packed.
    """

    def __init__(
        self,
        net: Network,
        batch: Batch,
        *,
        training: bool = False,
        keep: bool = True,
        initial_states: States | None = None,
        teacher: Array | None = None,
    ) -> None:
        self._net, self._batch = net, batch
        self._contexts: list[Context] = []
        steps, a = batch.steps, batch.rows
        initial = net.split_states(initial_states, batch)
        for part in net.parts:
            context = Context(
                steps,
                training,
                net.rng,
                keep,
                initial=initial[part.k],
                teacher=teacher if part.k == net.taught else None,
            )
            a = part.layer.forward(part.parameters, a, part.workspace, context)  # 1
            self._contexts.append(context)
            steps = None if part.layer.pools_time else steps
        self.rows = a
        self._steps = steps
        net.latest = self if keep else None

    @property
    def output(self) -> Array:
        """The output in the user's order, of shape (B, n_outputs) or (T, B, n_outputs)."""
        if self._steps is not None:
            return np.array(self._steps.unpack(self.rows))
        return np.array(self.rows if self._batch.steps is None else self._batch.steps.unsort(self.rows))

    @property
    def final_states(self) -> dict[str, Array]:
        """The states after each sequence's last step, under names like ``"0.h"``, each of shape (B, width)."""
        return self._named([context.final for context in self._contexts])

    def _output_shape(self) -> tuple[int, ...]:
        steps, width = self._steps, self.rows.shape[1:]
        return self.rows.shape if steps is None else (steps.n_padded, steps.n_sequences, *width)

    def backward(self, d_output: ArrayLike, *, d_final_states: States | None = None) -> Gradients:
        """Pull a gradient of the output back through the network.

        Parameters
        ----------
        d_output : array, shaped like `output`
            dL/d(output).
        d_final_states : mapping of str to ndarray of shape (B, width), or None
            dL/d(final states), under the names of `final_states`; those missing are zero.

        Returns
        -------
        Gradients
            Of theta, of the input (shaped like ``(B, I)`` or ``(T, B, I)``) and of the initial states.

        Raises
        ------
        RuntimeError
            If the network has run again since, if this pass has been run back before, or if it kept nothing.
        ValueError
            If a gradient's shape is wrong.
        """
        given = np.asarray(d_output, self._net.dtype)
        if given.shape != (shape := self._output_shape()):
            raise ValueError(f"dL/d(output) must be shaped like the output, {shape}, but its shape is {given.shape}")
        if self._steps is not None:
            rows = self._steps.pack(given)
        else:
            rows = given if self._batch.steps is None else self._batch.steps.sort(given)
        return self.pull(rows, d_final_states)

    def pull(self, d_rows: Array, d_final_states: States | None = None, *, input_gradient: bool = True) -> Gradients:
        """Pull a packed gradient back; see `backward`."""
        net, steps = self._net, self._batch.steps
        if net.latest is not self:
            raise RuntimeError(
                "this pass can not be run back: it has been already, or the network has run again since, "
                "or it was run with keep=False"
            )
        net.latest = None
        gradient = np.empty_like(net.theta)
        d_final = net.split_states(d_final_states, self._batch)
        da: Array | None = d_rows
        for part, context in zip(reversed(net.parts), reversed(self._contexts), strict=True):
            context.d_final, context.input_gradient = d_final[part.k], input_gradient or part.k > 0
            assert da is not None
            da = part.layer.backward(part.parameters, part.views(gradient), da, part.workspace, context)  # 1'
        if da is not None:
            own = da.flags.owndata and da is not d_rows  # else it is memory of a workspace, or the caller's
            da = da if steps is None else steps.unpack(da)
            da = da if own else np.array(da)
        return Gradients(gradient, da, self._named([context.d_initial for context in self._contexts]))

    def _named(self, by_layer: Sequence[States]) -> dict[str, Array]:
        steps = self._batch.steps
        return {
            f"{part.k}.{name}": np.array(state if steps is None else steps.unsort(state))
            for part, own in zip(self._net.parts, by_layer, strict=True)
            for name, state in own.items()
        }

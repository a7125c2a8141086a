"""One pass of a network: forwards, and back once.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)
    da(K) = dL/dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)        (1')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.batch import Batch

if TYPE_CHECKING:
    from rnnbp.networks.network import Network
    from rnnbp.networks.program import Program

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

    Its activations lie in memory that is its own until it is run back.

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
        self._net, self._batch, self._keep = net, batch, keep
        initial = net.split_states(initial_states, batch) if initial_states else {}
        taught = None if teacher is None or net.teacher_forced_layer is None else (net.teacher_forced_layer, teacher)
        self._program: Program | None = None
        program = net.take_program()
        try:
            rows = program.forward(
                batch.rows, batch.packing, training=training, keep=keep, rng=net.rng, initial=initial, teacher=taught
            )
            self._packing = None if net.pools_time else batch.packing
            self._copied = None if keep else np.array(rows)
            self._final = None if keep else self._named(program.final)
        except BaseException:
            net.give_program(program)
            raise
        self._rows, self._memory, self._generation = rows, program, program.generation
        if keep:
            self._program = program
        else:
            net.give_program(program)

    def __del__(self) -> None:
        program = self.__dict__.get("_program")
        if program is not None:
            self._net.give_program(program)

    @property
    def rows(self) -> Array:
        """The output, packed."""
        if self._copied is not None:
            return self._copied
        return np.asarray(self._intact(self._rows))

    def _intact(self, value: Any) -> Any:
        """Return what was read from memory that is this pass's until it is run back, and maybe a little longer."""
        if self._program is None and self._memory.generation != self._generation:
            raise RuntimeError("this pass has been run back, and its memory is used by another by now: read it before")
        return value

    @property
    def output(self) -> Array:
        """The output in the user's order, of shape (B, n_outputs) or (T, B, n_outputs)."""
        output = self._batch.in_users_order(self.rows, per_step=self._packing is not None)
        return np.asarray(output if self._copied is not None else self._intact(output))

    @property
    def final_states(self) -> dict[str, Array]:
        """The states after each sequence's last step, under names like ``"0.h"``, each of shape (B, width)."""
        if self._final is not None:
            return self._final
        return self._intact(self._named(self._memory.final))  # type: ignore[no-any-return]

    def _output_shape(self) -> tuple[int, ...]:
        packing, width = self._packing, self._rows.shape[1:]
        return self._rows.shape if packing is None else (packing.n_padded, packing.n_sequences, *width)

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
            If this pass has been run back before, or if it kept nothing.
        ValueError
            If a gradient's shape is wrong.
        """
        given = np.asarray(d_output, self._net.dtype)
        if given.shape != (shape := self._output_shape()):
            raise ValueError(f"dL/d(output) must be shaped like the output, {shape}, but its shape is {given.shape}")
        if self._packing is not None:
            rows = self._packing.pack(given)
        else:
            rows = given if self._batch.packing is None else self._batch.packing.sort(given)
        return self.backward_rows(rows, d_final_states)

    def backward_rows(
        self, d_rows: Array, d_final_states: States | None = None, *, input_gradient: bool = True
    ) -> Gradients:
        """Pull a packed gradient back; see `backward`."""
        net, packing, program = self._net, self._batch.packing, self._program
        if program is None:
            raise RuntimeError("this pass cannot be run back: it has been already, or it was run with keep=False")
        d_final = net.split_states(d_final_states, self._batch) if d_final_states else {}
        self._program = None
        try:
            gradient = np.empty_like(net.theta)
            da = program.backward(d_rows, gradient, input_gradient=input_gradient, d_final=d_final)
            dx = None if da is None else np.array(da if packing is None else packing.unpack(da))
            return Gradients(gradient, dx, self._named(program.d_initial))
        finally:
            net.give_program(program)

    def _named(self, states: States) -> dict[str, Array]:
        """Return copies of states in the user's order."""
        packing = self._batch.packing
        return {name: np.array(state if packing is None else packing.unsort(state)) for name, state in states.items()}

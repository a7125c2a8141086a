"""One pass of a network: forwards, and back once; and the loss and gradient that come of it.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)
    da(K) = dL/dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)        (1')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.data.batch import Batch
from rnnbp.data.interface import Interface
from rnnbp.losses import Loss
from rnnbp.networks.program import Program, Programs
from rnnbp.reading import read_array

if TYPE_CHECKING:
    from rnnbp.networks.network import Network

__all__ = ["BatchGradient", "Gradients", "Pass", "check_finite", "loss_and_gradient"]

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
    saved : list
        What each layer that runs in NumPy has saved for its way back, and None for those that run compiled; empty
        with ``keep=False``.
    """

    def __init__(
        self,
        programs: Programs,
        batch: Batch,
        interface: Interface,
        rng: np.random.Generator,
        *,
        training: bool,
        keep: bool,
        initial_states: States | None = None,
        teacher: Array | None = None,
        final_states: bool = True,
    ) -> None:
        self._programs, self._batch = programs, batch
        initial = self._split(initial_states)
        forced = interface.teacher_forced_layer
        taught: tuple[int, Array] | None = None
        if teacher is not None:
            if forced is None:
                raise ValueError(
                    "teacher was given, but this network has no layer that feeds back targets: leave it out, or end "
                    "the network with a layer such as Jordan(..., teacher_forcing=True)"
                )
            lies = None if batch.packing is None else interface.output_packing(batch.packing)
            if lies is not None and np.shape(teacher) != (shape := (lies.n_rows, interface.n_outputs)):
                raise ValueError(
                    f"teacher must be of shape {shape}, the packed output's, but its is {np.shape(teacher)}"
                )
            taught = forced, teacher
        self._program: Program | None = None
        program = programs.take()
        try:
            rows = program.forward(
                batch.rows, batch.packing, training=training, keep=keep, rng=rng, initial=initial, teacher=taught
            )
            self._packing = program.packing
            self._copied = None if keep else np.array(rows)
            self._final = None if keep else self._named(program.final) if final_states else {}
        except BaseException:
            programs.give(program)
            raise
        self.saved = [unit.saved for unit in program.units] if keep else []
        self._rows, self._memory, self._generation = rows, program, program.generation
        if keep:
            self._program = program
        else:
            programs.give(program)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Pass cannot be pickled or copied: copy its output or final_states, or run the network again")

    def __del__(self) -> None:
        program = self.__dict__.get("_program")
        if program is not None:
            self._programs.give(program)

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
        rows, batch = self.rows, self._batch.packing
        if self._packing is not None:
            output = self._packing.unpack(rows)
        else:
            output = rows if batch is None else batch.unsort(rows)
        owned = output.base is None and output is not rows
        return np.asarray(self._intact(output if owned else output.copy()) if self._copied is None else output)

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
        given = read_array(d_output, "dL/d(output)", self._programs.parameters.theta.dtype)
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
        programs, packing, program = self._programs, self._batch.packing, self._program
        if program is None:
            raise RuntimeError("this pass cannot be run back: it has been already, or it was run with keep=False")
        if d_rows.shape != self._rows.shape:
            raise ValueError(f"dL/d(output) must be of shape {self._rows.shape}, but its shape is {d_rows.shape}")
        d_final = self._split(d_final_states)
        self._program = None
        try:
            gradient = np.empty_like(programs.parameters.theta)
            da = program.backward(d_rows, gradient, input_gradient=input_gradient, d_final=d_final)
            dx = None if da is None else np.array(da if packing is None else packing.unpack(da))
            return Gradients(gradient, dx, self._named(program.d_initial))
        finally:
            programs.give(program)

    def _split(self, states: States | None) -> dict[int, dict[str, Array]]:
        """Check states that users name, and return them for each layer under its own names, in packed order."""
        split: dict[int, dict[str, Array]] = {}
        widths, packing = self._programs.state_widths, self._batch.packing
        if states is not None and not isinstance(states, Mapping):
            raise TypeError(f"states must be a mapping of names to arrays, but a {type(states).__name__} was given")
        for name, state in (states or {}).items():
            if name not in widths:
                raise ValueError(f"no state {name!r}: this network's states are {', '.join(widths) or 'none'}")
            given = read_array(state, f"state {name!r}", self._programs.parameters.theta.dtype)
            if given.shape != (shape := (self._batch.n_examples, widths[name])):
                raise ValueError(f"state {name!r} must be of shape {shape}, but its shape is {given.shape}")
            k, _, own = name.partition(".")
            split.setdefault(int(k), {})[own] = given if packing is None else packing.sort(given)
        return split

    def _named(self, states: States) -> dict[str, Array]:
        """Return copies of states in the user's order."""
        packing = self._batch.packing
        return {name: np.array(state if packing is None else packing.unsort(state)) for name, state in states.items()}


def check_finite(states: States | None, dtype: np.dtype[Any]) -> None:
    """Refuse initial states of a user's that are no numbers; those that training carries may diverge."""
    for name, state in states.items() if isinstance(states, Mapping) else ():
        if not np.isfinite(read_array(state, f"state {name!r}", dtype)).all():
            raise ValueError(f"state {name!r} holds NaN or infinity, which is no finite number: remove or replace it")


class BatchGradient(NamedTuple):
    """The loss of a batch, its gradient, and, if they were asked for, the states in which the sequences end."""

    value: float
    theta: Array
    final_states: dict[str, Array]


def loss_and_gradient(
    net: Network,
    batch: Batch,
    target: Array,
    loss: Loss,
    *,
    weight: Array | None = None,
    training: bool = True,
    initial_states: States | None = None,
    final_states: bool = False,
    teacher_forcing: float = 1.0,
) -> BatchGradient:
    """Return loss and gradient of a batch whose targets and weights are laid out in rows already.

    Parameters
    ----------
    net : Network
    batch : Batch
    target, weight : ndarray
        Encoded, in the order of the output's rows.
    loss : Loss
    training, initial_states
        See `Network.loss_and_gradient`.
    final_states : bool, default False
        Whether these are wanted.
    teacher_forcing : float, default 1
        The probability with which each step of each sequence is fed its target (scheduled sampling).
    """
    teacher = None
    if training and net.interface.teacher_forced_layer is not None and teacher_forcing > 0.0:
        teacher = loss.feedback(target, net.n_outputs, net.dtype)
        if teacher_forcing < 1.0:
            alone = net.rng.random(len(teacher)) >= teacher_forcing
            teacher = np.ma.MaskedArray(teacher, np.broadcast_to(alone[:, None], teacher.shape))
    forward = net.run(batch, training=training, initial_states=initial_states, teacher=teacher)
    final = forward.final_states if final_states else {}
    value, d_output = loss.value_and_gradient(forward.rows, target, weight)
    if np.shape(d_output) != forward.rows.shape:
        raise ValueError(
            f"{loss!r}: the gradient must be of the output's shape, {forward.rows.shape}, but its shape is "
            f"{np.shape(d_output)}"
        )
    return BatchGradient(value, forward.backward_rows(d_output, input_gradient=False).theta, final)

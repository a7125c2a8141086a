r"""Error-to-signal ratio, for models of sound: the energy of the error over that of the signal.

With ``e(t) = y(t) - output(t)`` of a sequence of T steps, and the pre-emphasis that lets high frequencies, which have
little energy and are heard all the same, count for more::

    e'(t) = e(t) - p e(t-1),   y'(t) = y(t) - p y(t-1),   e(-1) = y(-1) = 0                           (1)
    ratio = mean e'^2 / (mean y'^2 + ε)                                                               (2)
    dc = (mean e)^2 / (mean y^2 + ε)                                                                  (3)
    l = ratio + w dc

    ∂l/∂e(t) = 2 w mean e / (T (mean y^2 + ε))                                                        (3')
    ∂l/∂e'(t) = 2 e'(t) / (T (mean y'^2 + ε))                                                         (2')
    ∂l/∂e(t) += ∂l/∂e'(t) - p ∂l/∂e'(t+1),   ∂l/∂output(t) = -∂l/∂e(t)                                (1')

Reference: A. Wright, E.-P. Damskägg, L. Juvela and V. Välimäki, "Real-time guitar amplifier emulation with deep
learning", Applied Sciences 10(3), 2020 (equations 7 to 10).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import number
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences
from rnnbp.losses.sequence_loss import SequenceLoss
from rnnbp.losses.signals import Signals
from rnnbp.losses.targets import values
from rnnbp.reading import read_array

__all__ = ["ErrorToSignal"]

Array = NDArray[Any]


class ErrorToSignal(SequenceLoss):
    """Energy of the error over the energy of the target, of each sequence, pre-emphasised, with a term for the mean.

    A target is as long as the outputs of its sequence: an array (T, B, F), or (T, B) for one output, or a list of
    arrays (T_i, F). With ``chunk_length`` each chunk counts as a sequence.

    Parameters
    ----------
    pre_emphasis : float, default 0.85
        p, in [0, 1): how much of the sample before is subtracted from each. 0 leaves the signal as it is.
    dc_weight : float, default 1.0
        w, at least 0: how much the mean of the error counts.
    floor : float, default 1e-5
        ε, above 0: what is added to the target's mean square, so that silence does not count without end.

    Raises
    ------
    ValueError
        If a setting is none of these.

    See Also
    --------
    MeanSquaredError : every sequence by its loudness.

    References
    ----------
    A. Wright, E.-P. Damskägg, L. Juvela and V. Välimäki, "Real-time guitar amplifier emulation with deep learning",
    Applied Sciences 10(3), 2020.

    Examples
    --------
    >>> signal = np.sin(np.arange(100.0))[:, None, None]
    >>> value, gradient = ErrorToSignal()(0.9 * signal, signal)
    >>> round(value, 4)
    0.01
    """

    name: ClassVar[str] = "error_to_signal"
    along_time: ClassVar[bool] = True

    def __init__(self, *, pre_emphasis: float = 0.85, dc_weight: float = 1.0, floor: float = 1e-5) -> None:
        self.pre_emphasis = number("pre_emphasis", pre_emphasis, "[0, 1)")
        self.dc_weight = number("dc_weight", dc_weight, "[0, inf)")
        self.floor = number("floor", floor)

    def encode(  # type: ignore[override]
        self,
        target: ArrayLike | Sequences,
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> Signals:
        """Check signals; see :meth:`Loss.encode`.

        Parameters
        ----------
        target : array of shape (T, B, F) or (T, B), list of B arrays of shape (T_i, F) or (T_i,), or Sequences
        n_outputs : int
            F.
        leading : tuple of int, optional
            (T, B).
        lengths : array of int, shape (B,), optional
            How many steps each signal must have; default: T for all.
        """
        if isinstance(target, (list, tuple)) and target and read_array(target[0], "the target of sequence 0").ndim:
            target = Sequences.of(target)
        if isinstance(target, Sequences):
            if leading is not None:
                _check_lengths(target, np.broadcast_to(leading[0] if lengths is None else lengths, leading[1]))
            found = _checked(target, n_outputs)
        else:
            padded = values(target, n_outputs, leading=leading, lengths=lengths)
            if padded.ndim != 3:
                raise ValueError(
                    f"{self!r} compares sequences: a target of shape (T, B, {n_outputs}) is needed, but its shape is "
                    f"{np.shape(target)}"
                )
            found = Sequences.of_padded(padded, lengths)
        return Signals(found, np.arange(len(found)))

    def value_and_gradient(  # type: ignore[override]
        self, output: Array, target: Signals, weight: Array | None = None
    ) -> tuple[float, Array]:
        """Return the loss of packed rows, and its gradient.

        Parameters
        ----------
        output : array, shape (n_rows, F)
        target : Signals
            Over the steps of these rows.
        weight : array, shape (B,), optional
            In the order of these steps.
        """
        packing = target.packing
        assert packing is not None, "targets must be laid out over the output's steps"
        y = target.rows().astype(output.dtype, copy=False)
        e = y - output
        p, w = self.pre_emphasis, self.dc_weight
        e_emphasised, y_emphasised = _emphasised(e, p, packing), _emphasised(y, p, packing)  # 1
        signal_emphasised = _mean_square(y_emphasised, packing) + self.floor
        signal = _mean_square(y, packing) + self.floor
        ratio = _mean_square(e_emphasised, packing) / signal_emphasised  # 2
        mean = _sums(e, packing) / packing.lengths[:, None]
        dc = np.square(mean).mean(axis=1) / signal  # 3

        shares = np.ones(len(target)) if weight is None else np.asarray(weight, np.float64)
        shares = shares / (self.normalizer(target, weight) or 1.0)  # type: ignore[arg-type]
        scale = 2.0 * shares / (packing.lengths * output.shape[1])
        de = _spread((w * scale / signal)[:, None] * mean, packing, output.dtype)  # 3'
        de_emphasised = _spread((scale / signal_emphasised)[:, None], packing, output.dtype) * e_emphasised  # 2'
        de = de + _emphasised_back(de_emphasised, p, packing)  # 1'
        return float(shares @ (ratio + w * dc)), -de

    def feedback(self, target: Any, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return the signal itself, of the rows; see :meth:`Loss.feedback`."""
        return np.asarray(target.rows().astype(dtype, copy=False))


def _check_lengths(target: Sequences, expected: NDArray[np.intp]) -> None:
    """Compare the lengths of signals with those of the outputs."""
    if len(target) != len(expected):
        raise ValueError(f"each sequence needs a target: there are {len(target)} for {len(expected)} sequences")
    if (wrong := np.flatnonzero(target.lengths != expected)).size:
        i = int(wrong[0])
        raise ValueError(
            f"the target of sequence {i} must have an entry for each of its {expected[i]} outputs, but it has "
            f"{target.lengths[i]}"
        )


def _checked(target: Sequences, n_outputs: int) -> Sequences:
    """Return signals as finite floats of shape (T_i, F), or say which is none."""
    try:
        return Sequences(_frames(target.frames, n_outputs), target.lengths)
    except ValueError:
        for i, each in enumerate(target):
            try:
                _frames(each, n_outputs)
            except ValueError as error:
                raise ValueError(f"the target of sequence {i}: {error}") from None
        raise


def _frames(frames: Array, n_outputs: int) -> Array:
    return values(frames, n_outputs, leading=frames.shape[:1], lengths=None)


def _before(rows: Array, packing: Packing) -> Array:
    """Return, for each row, the row of the step before, or zeros."""
    buffer = np.concatenate([np.zeros((packing.n_sequences, rows.shape[1]), rows.dtype), rows])
    return np.asarray(buffer[packing.previous])


def _emphasised(rows: Array, p: float, packing: Packing) -> Array:
    return np.asarray(rows - rows.dtype.type(p) * _before(rows, packing))


def _emphasised_back(d_rows: Array, p: float, packing: Packing) -> Array:
    """Return the gradient of what `_emphasised` was given."""
    buffer = np.zeros((packing.n_sequences + len(d_rows), d_rows.shape[1]), d_rows.dtype)
    buffer[packing.previous] = d_rows  # no row comes before two others
    return np.asarray(d_rows - d_rows.dtype.type(p) * buffer[packing.n_sequences :])


def _sums(rows: Array, packing: Packing) -> NDArray[np.float64]:
    """Return the sum over each sequence's steps, of shape (B, F)."""
    if packing.is_rectangular:
        by_step = rows.reshape(packing.n_steps, packing.n_sequences, -1)
        return np.asarray(by_step.sum(axis=0, dtype=np.float64))
    columns = [np.bincount(packing.sequence_of_row, column, packing.n_sequences) for column in rows.T]
    return np.stack(columns, axis=1)


def _mean_square(rows: Array, packing: Packing) -> NDArray[np.float64]:
    """Return the mean over each sequence's steps and features, of shape (B,)."""
    return np.asarray(_sums(np.square(rows), packing).mean(axis=1) / packing.lengths)


def _spread(values: Array, packing: Packing, dtype: Any) -> Array:
    """Return the value of each row's sequence."""
    return np.asarray(values.astype(dtype)[packing.sequence_of_row])

r"""What a loss is: a weighted mean of row losses, and its gradient.

A row is one sample of a static network or one real step of one sequence. With ``l_r`` the loss of row
``r`` and ``w_r`` its weight (1 unless given),

    value = Σ_r w_r l_r / N          N = ``normalizer``, for most losses Σ_r w_r
    gradient = ∂ value / ∂ output

Only real rows count, in the sum and in ``N``: a sequence contributes the same alone or padded in any
batch. An output is whatever the last layer gives before its output function (logits): softmax and sigmoid
belong to the loss, where they cancel against the logarithm and never overflow.

A loss of whole sequences, whose targets do not belong to single rows (`CTC`, `ErrorToSignal`), is a `SequenceLoss`:
what is counted and weighted is a sequence.

A new loss defines ``value_and_gradient``. Its targets are real numbers, as many as there are outputs, unless it also
defines ``encode``, which checks a target before any work starts; and it can train a network with teacher forcing if it
defines ``feedback``. Listing it in ``losses/__init__.py`` puts it in the conformance tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import Configurable
from rnnbp.losses.targets import Array, real_steps, values
from rnnbp.reading import read_array

__all__ = ["Loss", "SquaredLoss", "weighted_mean"]


class Loss(Configurable, ABC):
    """A loss: call it for a value and a gradient, or pass it to ``rnnbp.fit``.

    See Also
    --------
    MeanSquaredError
    CrossEntropy

    Examples
    --------
    A loss of one's own:

    >>> class Absolute(Loss):
    ...     name = "absolute"
    ...     def value_and_gradient(self, output, target, weight=None):
    ...         n = self.normalizer(target, weight) * output.shape[1]
    ...         return float(abs(output - target).sum() / n), np.sign(output - target) / n
    >>> value, gradient = Absolute()(np.array([[1.0], [3.0]]), np.array([[0.0], [5.0]]))
    >>> value
    1.5
    """

    name: ClassVar[str]
    #: Whether a target belongs to a whole sequence of outputs, as in `CTC`, and not to one row of them.
    per_sequence: ClassVar[bool] = False
    #: Whether such a target has an entry for each step, so that it is cut where its sequence is; see `ErrorToSignal`.
    along_time: ClassVar[bool] = False
    #: The function, "softmax" or "sigmoid", that the loss applies to outputs itself, so that these are logits.
    takes_logits: ClassVar[str | None] = None
    #: Whether the loss of a whole is the sum of its parts' losses, and not their mean; see `normalizer`.
    is_sum: bool = False

    def __call__(
        self,
        output: ArrayLike,
        target: ArrayLike,
        *,
        lengths: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> tuple[float, Array]:
        """Return the loss and its gradient with respect to ``output``.

        Parameters
        ----------
        output : array, shape (B, F) or (T, B, F)
            What the network gave, before its output function; sequences are time-major.
        target : array
            What it should have given, one entry (or row of F) for each row of the output.
        lengths : array of int, shape (B,), optional
            Real steps of each sequence; what lies beyond is ignored, whatever it holds. Default: all T.
        sample_weight : array, shape (B,) or (T, B), optional
            Weight of each sample, or of each step; not negative. Default: 1.

        Returns
        -------
        value : float
        gradient : array, shape and dtype of ``output``
            Exactly zero at padded steps.

        Raises
        ------
        ValueError
            If shapes do not fit each other, or ``target``, ``lengths`` or ``sample_weight`` is not valid.
        """
        output = read_array(output, "the output")
        if output.dtype.kind != "f":
            output = output.astype(np.float64)
        if output.ndim not in (2, 3) or output.size == 0:
            raise ValueError(f"output must be (B, F) or (T, B, F) and not empty, but its shape is {output.shape}")
        leading, n_outputs = output.shape[:-1], output.shape[-1]

        encoded = self.encode(target, n_outputs, leading=leading, lengths=lengths)
        real = np.broadcast_to(real_steps(leading, lengths), leading)
        weight = None if sample_weight is None else _row_weights(sample_weight, real)

        value, row_gradient = self.value_and_gradient(output[real], encoded[real], weight)
        gradient = np.zeros_like(output)
        gradient[real] = row_gradient
        return value, gradient

    def encode(
        self,
        target: ArrayLike,
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> Array:
        """Check a target and return it in the form that ``value_and_gradient`` takes: finite floats, unless overridden.

        Parameters
        ----------
        target : array
            As the user gave it, of any leading shape: (B, ...) or (T, B, ...).
        n_outputs : int
            Width F of the output it will be compared with.
        leading : tuple of int, optional
            The output's shape without its last axis, where it is known: the target's must equal it.
        lengths : array of int, shape (B,), optional
            For a padded (T, B, ...) target: only real steps are checked, and the rest comes back as zeros.

        Raises
        ------
        ValueError
            If it cannot be a target of such an output.
        """
        return values(target, n_outputs, leading=leading, lengths=lengths)

    @abstractmethod
    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; nothing is checked.

        Parameters
        ----------
        output : array, shape (R, F)
        target : array, shape (R,) or (R, F)
            Encoded rows.
        weight : array, shape (R,), optional
            Row weights. If they are all zero, so are the loss and its gradient.

        Returns
        -------
        value : float
            ``sum_r weight_r * loss_r / normalizer(target, weight)``, summed in float64.
        gradient : array, shape (R, F), dtype of ``output``
        """

    def kernel(self, target: Array) -> str | None:
        """Return the name of the compiled kernel of this loss for such encoded targets; None if there is none.

        A subclass that overrides ``value_and_gradient`` has none, unless it says so again.
        """
        return None

    def row_weights(self, target: Array, weight: Array | None = None) -> Array | None:
        """Return the weight of each row in the sum, for the kernel; None if it is 1 for all."""
        return weight

    def normalizer(self, target: Array, weight: Array | None = None) -> float:
        """Return what the weighted sum of row losses is divided by: the sum of the weights.

        The loss of a whole is the mean of the losses of its parts, weighted by their normalizers.
        """
        return float(len(target) if weight is None else np.sum(weight, dtype=np.float64))

    def feedback(self, target: Array, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return an encoded target as the network's output would look after its output function.

        This is what teacher forcing feeds back in a Jordan network, of shape (..., F).

        Raises
        ------
        ValueError
            If the loss does not say; unless overridden.
        """
        raise ValueError(
            f"{self!r} does not say what should be fed back in the place of an output, as teacher forcing needs: "
            "define its `feedback`, or give the layer teacher_forcing=False"
        )


class SquaredLoss(Loss):
    """A loss that is a weighted sum of squared differences, and nothing else.

    With c_r of `curvature`, ``value = Σ_rf ½ c_r (output_rf - target_rf)²``. Least-squares methods
    (``optimizers.LevenbergMarquardt``) take such a loss only.

    See Also
    --------
    Loss
    rnnbp.optimizers.LevenbergMarquardt

    Examples
    --------
    >>> from rnnbp.losses import CrossEntropy, MeanSquaredError
    >>> isinstance(MeanSquaredError(), SquaredLoss), isinstance(CrossEntropy(), SquaredLoss)
    (True, False)
    """

    @abstractmethod
    def curvature(self, target: Array, n_outputs: int, weight: Array | None = None) -> Array:
        """Return the second derivative of the value by any output of each row, c of shape (R,)."""


def weighted_mean(row_loss: Array, gradient: Array, weight: Array | None, normalizer: float) -> tuple[float, Array]:
    """Return the weighted sum of row losses over the normalizer, and their gradient, scaled in place.

    Where the normalizer is 0 nothing counts, and both are 0, or NaN where something is not finite.
    """
    if not normalizer:
        gradient *= 0.0
        return 0.0 * float(np.sum(row_loss, dtype=np.float64)), gradient
    if weight is None:
        gradient *= 1.0 / normalizer
        return float(np.sum(row_loss, dtype=np.float64)) / normalizer, gradient
    gradient *= (weight / normalizer).astype(gradient.dtype)[:, None]
    return float(np.sum(weight * row_loss, dtype=np.float64)) / normalizer, gradient


def _row_weights(sample_weight: ArrayLike, real: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights of the real rows, checked."""
    weight = np.asarray(sample_weight)
    if weight.dtype.kind not in "biuf" or weight.shape not in (real.shape, real.shape[-1:]):
        expected = " or ".join(str(shape) for shape in dict.fromkeys((real.shape[-1:], real.shape)))
        raise ValueError(
            f"sample_weight must be numbers of shape {expected}, but {weight.dtype} of shape {weight.shape} were given"
        )
    rows = np.broadcast_to(weight, real.shape)[real].astype(np.float64)
    if not np.all(np.isfinite(rows)) or np.any(rows < 0) or not np.any(rows > 0):
        raise ValueError("sample_weight must be finite and not negative, and must not be zero everywhere")
    return rows

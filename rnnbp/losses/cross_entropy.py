r"""Cross-entropy of one class in K, from logits.

With logits ``z``, the target ``t`` as a distribution over K classes (one-hot for a class index), label
smoothing ε and class weights ``v`` (1 unless given):

    log p_c = z_c - max z - log Σ_k exp(z_k - max z)
    q_c = v_c ((1 - ε) t_c + ε/K)
    l = -Σ_c q_c log p_c
    ∂l/∂z_c = (Σ_k q_k) p_c - q_c

No exponential is taken of a positive number, so nothing overflows however large the logits are. For a
class index ``y`` without smoothing, only ``log p_y`` is computed, and its row counts ``v_y`` times.

Label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.configuration import shown
from rnnbp.losses.base import Loss, weighted_mean
from rnnbp.losses.targets import Array, as_numbers, blank, check_leading, check_weights, real_steps, refuse

__all__ = ["CrossEntropy"]


class CrossEntropy(Loss):
    """Cross-entropy of one class in K, softmax included; equal to ``torch.nn.functional.cross_entropy``.

    Targets are class indices 0 .. K-1 (integers, shape (...)) or probabilities (floats, shape (..., K), rows
    that sum to 1). As in torch, with class weights the mean over class indices is divided by the sum of the
    weights of the targets' classes, that over probabilities by the number of rows.

    Parameters
    ----------
    class_weight : array, shape (K,), optional
        Weight of each class; not negative. Default: 1 for all.
    label_smoothing : float, default 0
        Share of every target, in [0, 1], that is spread evenly over all classes.

    Raises
    ------
    ValueError
        If a class weight is negative or not finite, or ``label_smoothing`` is outside [0, 1].

    Examples
    --------
    >>> value, gradient = CrossEntropy()([[0.0, 0.0]], [1])
    >>> round(value, 4), gradient.tolist()
    (0.6931, [[0.5, -0.5]])
    """

    name: ClassVar[str] = "cross_entropy"
    takes_logits: ClassVar[str | None] = "softmax"

    def __init__(self, *, class_weight: ArrayLike | None = None, label_smoothing: float = 0.0) -> None:
        if isinstance(label_smoothing, (bool, str)) or not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be a number in [0, 1], but {shown(label_smoothing)} was given")
        self.class_weight = None if class_weight is None else check_weights("class_weight", class_weight)
        self.label_smoothing = float(label_smoothing)

    def encode(
        self,
        target: ArrayLike,
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> Array:
        """Check class indices or probabilities; see :meth:`Loss.encode`."""
        if n_outputs < 2:
            raise ValueError(
                f"CrossEntropy needs an output for each class, so at least 2; the network has {n_outputs}. "
                "For two classes and one output use BinaryCrossEntropy"
            )
        if self.class_weight is not None and self.class_weight.shape != (n_outputs,):
            raise ValueError(f"class_weight has {self.class_weight.size} weights for {n_outputs} classes")
        array = as_numbers(target)
        if array.dtype.kind != "f":
            check_leading(array.shape, leading)
            labels = blank(array, real_steps(array.shape, lengths))
            outside = (labels < 0) | (labels >= n_outputs)
            refuse(outside, labels, f"is not one of the {n_outputs} classes 0 .. {n_outputs - 1}")
            return labels.astype(np.intp, copy=False)
        if array.ndim < 2 or array.shape[-1] != n_outputs:
            raise ValueError(
                f"target has dtype {array.dtype} and shape {array.shape}: class indices must be integers "
                f"(target.astype(int)), and probabilities must have shape (..., {n_outputs})"
            )
        check_leading(array.shape[:-1], leading)
        real = real_steps(array.shape[:-1], lengths)
        array = blank(array, real[..., None])
        refuse(~(array >= 0), array, "is not a probability")
        total = array.sum(axis=-1)
        unequal = ~(np.abs(total - 1) <= 1e-3)
        refuse(unequal & real, total, "is not 1, as it must be for probabilities", name="sum of target")
        return array

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        normalizer = self.normalizer(target, weight)
        if target.ndim == 1 and not self.label_smoothing:
            weight = self._weight_of_index(target, weight)
            return _against_index(output, target, weight, normalizer or 1.0)
        z = output - output.max(axis=1, keepdims=True)
        q = self.feedback(target, z.shape[1], z.dtype)
        if self.label_smoothing:
            q = (1 - self.label_smoothing) * q + self.label_smoothing / z.shape[1]
        if self.class_weight is not None:
            q = q * self.class_weight.astype(z.dtype)
        row_loss, gradient = _against_distribution(z, q)
        return weighted_mean(row_loss, gradient, weight, normalizer)

    def kernel(self, target: Array) -> str | None:
        """Return the kernel's name, for class indices without smoothing; see :meth:`Loss.kernel`."""
        return "cross_entropy" if target.ndim == 1 and not self.label_smoothing else None

    def row_weights(self, target: Array, weight: Array | None = None) -> Array | None:
        """Return the weights of rows, times those of their classes; see :meth:`Loss.row_weights`."""
        return self._weight_of_index(target, weight)

    def normalizer(self, target: Array, weight: Array | None = None) -> float:
        """Return the sum of the row weights, times the weights of the target classes if those are indices."""
        if target.ndim == 1:
            weight = self._weight_of_index(target, weight)
        return super().normalizer(target, weight)

    def _weight_of_index(self, target: Array, weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return weight
        of_class: Array = self.class_weight[target]
        return of_class if weight is None else of_class * weight

    def feedback(self, target: Array, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return class indices as one-hot rows, and probabilities as they are; see :meth:`Loss.feedback`."""
        if target.dtype.kind == "f":
            return target.astype(dtype, copy=False)
        one_hot = np.zeros((*target.shape, n_outputs), dtype=dtype)
        np.put_along_axis(one_hot, target[..., None], 1, axis=-1)
        return one_hot


def _against_index(output: Array, target: Array, weight: Array | None, normalizer: float) -> tuple[float, Array]:
    """Return the loss of rows against classes, and its gradient, by a compiled kernel."""
    from rnnbp.kernels.engine import engine
    from rnnbp.kernels.threads import Runner
    from rnnbp.kernels.training import LossRows

    shares = np.array([1.0 / normalizer]) if weight is None else np.asarray(weight / normalizer, np.float64)
    gradient, loss = np.empty(output.shape, output.dtype), np.empty(1)
    rows = LossRows(
        n=len(output), width=output.shape[1], z=np.ascontiguousarray(output), dz=gradient, loss=loss,
        classes=np.ascontiguousarray(target, np.int64), shares=shares, n_shares=len(shares),
    )  # fmt: skip
    made = engine(output.dtype.name)
    Runner(made, [made.instruction("cross_entropy", rows)]).run(0, 1)
    return float(loss[0]), gradient


def _against_distribution(z: Array, q: Array) -> tuple[Array, Array]:
    """Return -Σ_c q_c log p_c of each row, and (Σ_c q_c) p - q; z (whose row maxima are 0) is overwritten."""
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    row_loss = -np.einsum("rk,rk->r", q, z)
    p = np.exp(z, out=z)
    p *= q.sum(axis=1, keepdims=True)
    p -= q
    return row_loss, p

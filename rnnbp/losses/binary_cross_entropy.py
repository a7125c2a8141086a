r"""Cross-entropy of F independent yes-or-no outputs, from logits.

With logits ``z``, targets ``y`` in [0, 1], the logistic function σ, and weight ``u`` of the positive
side:

    l = 1/F Σ_f u_f y_f log(1 + exp(-z_f)) + (1 - y_f) log(1 + exp(z_f))
    ∂l/∂z_f = 1/F ((1 - y_f) σ(z_f) - u_f y_f σ(-z_f))

Neither side overflows or cancels when both are built from ``a = exp(min(z, 0))`` and ``b = exp(min(-z,
0))``, of which one is 1:

    log(1 + exp(±z)) = max(±z, 0) + log(1 + ab)          σ(z) = a / (1 + ab)          σ(-z) = b / (1 + ab)
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.losses.base import Loss, weighted_mean
from rnnbp.losses.targets import Array, check_weights, refuse, values

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss):
    """Cross-entropy of independent yes-or-no outputs, sigmoid included: binary or multi-label classification.

    Targets are numbers in [0, 1] of shape (..., F), or (...) if there is one output. Equal to
    ``torch.nn.functional.binary_cross_entropy_with_logits``.

    Parameters
    ----------
    pos_weight : float or array, shape (F,), optional
        Weight of the positive side of each output, such as negatives / positives where positives are rare.
        Default: 1.

    Raises
    ------
    ValueError
        If a weight is negative or not finite.

    Examples
    --------
    >>> value, gradient = BinaryCrossEntropy()([[0.0], [0.0]], [0, 1])
    >>> round(value, 4), gradient.tolist()
    (0.6931, [[0.25], [-0.25]])
    """

    name: ClassVar[str] = "binary_cross_entropy"
    takes_logits: ClassVar[str | None] = "sigmoid"

    def __init__(self, *, pos_weight: ArrayLike | None = None) -> None:
        self.pos_weight = None if pos_weight is None else check_weights("pos_weight", pos_weight)

    def encode(
        self,
        target: ArrayLike,
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> Array:
        """Check that targets are in [0, 1] and as wide as the output; see :meth:`Loss.encode`."""
        if self.pos_weight is not None and self.pos_weight.size not in (1, n_outputs):
            raise ValueError(f"pos_weight has {self.pos_weight.size} weights for {n_outputs} outputs")
        array = values(target, n_outputs, leading=leading, lengths=lengths)
        refuse((array < 0) | (array > 1), array, "is not in [0, 1]")
        return array

    def value_and_gradient(self, output: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of real rows, and its gradient; see :meth:`Loss.value_and_gradient`."""
        positive = target.astype(output.dtype, copy=False)
        negative = 1 - positive
        if self.pos_weight is not None:
            positive = positive * self.pos_weight.astype(output.dtype)
        a = np.exp(np.minimum(output, 0))
        b = np.exp(np.minimum(-output, 0))
        ab = a * b
        loss = positive * np.maximum(-output, 0)
        loss += negative * np.maximum(output, 0)
        loss += (positive + negative) * np.log1p(ab)
        gradient = negative * a
        gradient -= positive * b
        gradient /= (1 + ab) * output.shape[1]
        return weighted_mean(loss.mean(axis=1), gradient, weight, self.normalizer(target, weight))

    def kernel(self, target: Array) -> str | None:
        """Return the kernel's name, unless outputs have weights; see :meth:`Loss.kernel`."""
        return "binary_cross_entropy" if self.pos_weight is None else None

    def feedback(self, target: Array, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return the probabilities themselves; see :meth:`Loss.feedback`."""
        return target.astype(dtype, copy=False)

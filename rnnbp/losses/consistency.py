r"""Consistency: what a network says of two looks at one example should be the same.

Each example of a minibatch is there twice, changed and dropped out at random for each look, and the rows of its two
looks lie side by side. With ``p`` the softmax of a row's logits z and ``p'`` that of the row beside it, which is taken
as it is, the loss becomes

    value = loss + λ Σ_r w_r Σ_k p'_k log(p'_k / p_k) / N       over all rows r; w_r and N are the loss's weights and
                                                                normalizer
    ∂value/∂z_r = ∂loss/∂z_r + λ w_r (p - p') / N

Of a loss that is a sum and no mean half is taken, as each example is there twice. So each look is taught what the other
has found, besides the target: a network that teaches itself, as many networks would together.

References: X. Liang et al., "R-Drop: regularized dropout for neural networks", NeurIPS 2021 (classes); Z. Yao et al.,
"CR-CTC: consistency regularization on CTC for improved speech recognition", ICLR 2025 (steps of sequences).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnbp.configuration import shown
from rnnbp.losses.base import Loss

__all__ = ["Consistent"]

Array = NDArray[Any]


class Consistent(Loss):
    """A loss of examples that are there twice, and of how much what is said of them differs.

    Parameters
    ----------
    loss : Loss
        One that takes logits of classes, such as `CrossEntropy` and `CTC`.
    weight : float
        λ.
    """

    def __init__(self, loss: Loss, weight: float) -> None:
        if loss.takes_logits != "softmax":
            raise ValueError(
                "consistency compares probabilities of classes, so it is for a loss that takes logits of classes, such "
                f"as CrossEntropy and CTC, but {shown(loss)} was given"
            )
        self.loss, self.weight = loss, weight

    def value_and_gradient(self, output: Array, target: Any, weight: Array | None = None) -> tuple[float, Array]:
        """Return the loss of rows, in pairs, and its gradient; see :meth:`Loss.value_and_gradient`."""
        value, gradient = self.loss.value_and_gradient(output, target, weight)
        log_p = output - output.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        scale = self.weight / (self.loss.normalizer(target, weight) or 1.0)
        weights = self._row_weights(target, weight)
        shares = np.full(len(output) // 2, scale) if weights is None else scale * weights[::2]
        apart = p[::2] - p[1::2]
        both_ways = np.einsum("rk,rk->r", apart, log_p[::2] - log_p[1::2])  # Σ p' log(p'/p) of a row, and of its other
        apart *= shares[:, None].astype(apart.dtype)
        gradient[::2] += apart
        gradient[1::2] -= apart
        value += float(shares @ both_ways.astype(np.float64))
        return (value / 2, gradient / 2) if self.loss.is_sum else (value, gradient)

    def feedback(self, target: Any, n_outputs: int, dtype: DTypeLike) -> Array:
        """Return what teacher forcing feeds back; see :meth:`Loss.feedback`."""
        return self.loss.feedback(target, n_outputs, dtype)

    def _row_weights(self, target: Any, weight: Array | None) -> Array | None:
        """Return the weight of each row; None if it is 1 for all."""
        weight = self.loss.row_weights(target, weight)
        if weight is None or not self.loss.per_sequence:
            return weight
        counts = target.packing.counts  # of the sequences that are longer than a step: the first so many
        return np.concatenate([weight[:n] for n in counts])

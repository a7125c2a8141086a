"""Losses: how far an output is from its target, and the gradient of that, from one function."""

from __future__ import annotations

from rnnbp.configuration import lookup, shown
from rnnbp.losses.base import Loss, SquaredLoss
from rnnbp.losses.binary_cross_entropy import BinaryCrossEntropy
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.ctc import CTC, ctc
from rnnbp.losses.error_to_signal import ErrorToSignal
from rnnbp.losses.regression import MeanSquaredError
from rnnbp.names import explained, explained_module

__all__ = [
    "CTC",
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "ErrorToSignal",
    "Loss",
    "MeanSquaredError",
    "SquaredLoss",
    "ctc",
    "get",
]

#: Every loss by its name; a loss listed here is known to :func:`get` and to the conformance tests.
LOSSES: dict[str, type[Loss]] = {
    loss.name: loss for loss in (MeanSquaredError, CrossEntropy, BinaryCrossEntropy, CTC, ErrorToSignal)
}

explained_module(  # Keras' and PyTorch's names
    __name__,
    {
        **dict.fromkeys(
            ("SparseCategoricalCrossentropy", "CategoricalCrossentropy", "CrossEntropyLoss", "NLLLoss"),
            "write CrossEntropy(), which takes the outputs of a Dense layer as they are",
        ),
        **dict.fromkeys(
            ("BinaryCrossentropy", "BCELoss", "BCEWithLogitsLoss"),
            "write BinaryCrossEntropy(), which takes the outputs of a Dense layer as they are",
        ),
        "MSELoss": "write MeanSquaredError()",
        "CTCLoss": "write CTC()",
    },
)


@explained
def get(name_or_loss: str | Loss) -> Loss:
    """Return the loss of that name with its default settings; a loss is returned as it is.

    Parameters
    ----------
    name_or_loss : str or Loss
        ``"mean_squared_error"``, ``"cross_entropy"``, ``"binary_cross_entropy"``, ``"ctc"``,
        ``"error_to_signal"``, or an instance.

    Raises
    ------
    ValueError
        If no loss has that name.
    TypeError
        If it is neither a name nor a loss.

    Examples
    --------
    >>> get("cross_entropy")
    CrossEntropy()
    """
    if isinstance(name_or_loss, Loss):
        return name_or_loss
    if not isinstance(name_or_loss, str):
        raise TypeError(f"a loss is a name or an instance such as CrossEntropy(), but {shown(name_or_loss)} was given")
    return lookup(LOSSES, name_or_loss, "loss")()

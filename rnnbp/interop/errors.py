"""The one exception of models that cannot be taken over, or handed on."""

from __future__ import annotations

__all__ = ["InteropError"]


class InteropError(ValueError):
    """A model that another program, or this library, has no form for, and why.

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import interop, layers
    >>> try:
    ...     interop.rtneural.export(rnnbp.Network([layers.Dense(2, 2), layers.Activation("gelu")]), "model.json")
    ... except InteropError:
    ...     print("refused")
    refused
    """

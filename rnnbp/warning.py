"""Warnings that point at the user's line, however deep in the library they arise."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn"]

PASSED_THROUGH = ("rnnbp.", "sklearn.", "joblib.")  # such as a pipeline's fit, or a search's


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn of the line that called the library.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning
        Of a message that is text.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(PASSED_THROUGH):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)

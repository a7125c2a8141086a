"""Packages that not everybody has, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["imported"]


def imported(package: str) -> Any:
    """Return a package, or say how to install it.

    Raises
    ------
    ImportError
        If it is not there.
    """
    try:
        return import_module(package)
    except ImportError as error:
        extra = package.partition(".")[0]
        raise ImportError(f"{extra} is not installed: python -m pip install 'rnnbp[{extra}]'") from error

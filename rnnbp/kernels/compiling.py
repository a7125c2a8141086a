"""How kernels are compiled: without the interpreter lock, without checks for zero division, cached on disk."""

from __future__ import annotations

from typing import Any

from numba import njit

__all__ = ["OPTIONS", "compiled"]

# error_model="numpy": the branch that would raise ZeroDivisionError keeps LLVM from vectorising a loop
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "nsz"}}

compiled: Any = njit(nogil=True, cache=True, **OPTIONS)

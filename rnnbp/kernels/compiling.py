"""How kernels are compiled: without the interpreter lock, without checks for zero division, cached on disk."""

from __future__ import annotations

from typing import Any

from numba import njit

__all__ = ["compiled"]

# error_model="numpy": the branch that would raise ZeroDivisionError keeps LLVM from vectorising a loop
compiled: Any = njit(nogil=True, error_model="numpy", cache=True, fastmath={"contract", "nsz"})

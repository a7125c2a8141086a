"""Models that leave, in forms that other programs run, and those that come in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp.interop import c, keras, onnx, torch

__all__ = ["c", "keras", "onnx", "torch"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"rnnbp.interop.{name}")
    raise AttributeError(f"module 'rnnbp.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)

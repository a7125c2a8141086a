"""Models that leave, in forms that other programs run, and those that come in.

A network is its layers, one after the other, with their parameters (`chain`); each program has readers and writers of
its own for that (`onnx`, `torch`, `keras`, `rtneural`, `c`). They share a table of the order of gates (`conventions`)
and one of names and layouts of tensors (`naming`). Nothing of another program is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp.interop import c, keras, onnx, rtneural, torch
    from rnnbp.interop.errors import InteropError
    from rnnbp.interop.tensor_names import names

__all__ = ["InteropError", "c", "keras", "names", "onnx", "rtneural", "torch"]

HOMES = {"InteropError": "errors", "names": "tensor_names"}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"rnnbp.interop.{HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"rnnbp.interop.{name}")
    raise AttributeError(f"module 'rnnbp.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)

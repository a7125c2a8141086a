"""The types of the kernels' language, and what LLVM calls them.

A type is the name that annotations have (`rnnbp.kernels.language`), or a class of records. Memory is told apart by what
it holds (numbers, whole numbers, records), so that LLVM may keep a record's field in a register while numbers are
written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from rnnbp.kernels.records import Record

__all__ = [
    "EXPORTED",
    "INVARIANT",
    "METADATA",
    "PLAIN_LOOP",
    "POINTERS",
    "TAGS",
    "Kernel",
    "Kind",
    "Value",
    "declaration",
    "kind_of",
    "llvm_type",
    "signature",
]

Kind = Any  # the name of a type of the language, or a class of records

POINTERS = {"numbers": "number", "floats": "float", "ints": "int"}
# memory that holds one of these never holds another
TAGS = {"numbers": "!2", "floats": "!4", "ints": "!6", "record": "!8"}
METADATA = """
!0 = !{!"rnnbp"}
!1 = !{!"numbers", !0}
!2 = !{!1, !1, i64 0}
!3 = !{!"floats", !0}
!4 = !{!3, !3, i64 0}
!5 = !{!"ints", !0}
!6 = !{!5, !5, i64 0}
!7 = !{!"record", !0}
!8 = !{!7, !7, i64 0}
!9 = !{}
!10 = distinct !{!10, !11, !12}
!11 = !{!"llvm.loop.unroll.disable"}
!12 = !{!"llvm.loop.vectorize.enable", i1 false}
"""
INVARIANT = "!9"  # memory that never changes
PLAIN_LOOP = "!10"  # as it is written: neither unrolled nor vectorised
# kernels that Python knows the addresses of, beside those that do a share of some work: ``kernel(record, share)``
EXPORTED = ("run_program", "serve")


class Value(NamedTuple):
    """A value of LLVM, or, as a "literal", a number of Python's that takes the type of what it meets."""

    text: Any
    kind: Kind


class Kernel(NamedTuple):
    """What is known of a kernel before it is compiled: its arguments' names and types, and its result's type."""

    arguments: dict[str, Kind]
    result: Kind


def kind_of(name: str, known: Mapping[str, Any]) -> Kind:
    """Return the type that an annotation names: a class of records, or one of the language."""
    named = known.get(name)
    return named if isinstance(named, type) and issubclass(named, Record) else name


@cache
def signature(function: Callable[..., Any]) -> Kernel:
    """Return the signature of a kernel, from its annotations."""
    kinds = {name: kind_of(given, function.__globals__) for name, given in function.__annotations__.items()}
    result = kinds.pop("return", "None")
    return Kernel(kinds, result)


def llvm_type(kind: Kind, dtype: str) -> str:
    """Return what LLVM calls a type of the language."""
    plain = {"int": "i64", "address": "i64", "bool": "i1", "float": "double", "None": "void"}
    if kind == "number":
        return "float" if dtype == "float32" else "double"
    return plain.get(kind, "ptr") if isinstance(kind, str) else "ptr"


def declaration(function: Callable[..., Any], dtype: str) -> tuple[list[tuple[str, str]], str]:
    """Return the types and names of a kernel's arguments, and its result's type, as LLVM calls them."""
    kernel = signature(function)
    return [(llvm_type(kind, dtype), name) for name, kind in kernel.arguments.items()], llvm_type(kernel.result, dtype)

"""Kernels run both ways: compiled, and by Python itself, on copies of the same memory.

`compiled` makes machine code of kernels for a test to call. A `World` is what Python's run of a kernel works on: copies
of arrays, and of the memory of records, in which addresses mean what they mean to machine code. So what overlaps there
overlaps here, and an index that leaves its array is an error.
"""

from __future__ import annotations

import ctypes
import inspect
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock

import numpy as np

from rnnbp.kernels import engine as engines
from rnnbp.kernels import processor, tiles
from rnnbp.kernels.compiler import compile_kernel
from rnnbp.kernels.emitter import Rows, Step
from rnnbp.kernels.kinds import declaration, kind_of, signature
from rnnbp.kernels.language import Pointer
from rnnbp.kernels.records import Record, address_of

TYPES = {
    "i64": ctypes.c_int64, "float": ctypes.c_float, "double": ctypes.c_double, "ptr": ctypes.c_void_p, "void": None,
}  # fmt: skip
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


# -- compiled ----------------------------------------------------------------------------------------------------------


def compiled(functions: Sequence[Callable[..., Any]], dtype: str) -> dict[str, Callable[..., Any]]:
    """Return kernels as machine code: functions of arrays, records and numbers. They may call each other."""
    known = {function.__name__: function for function in functions}
    return _loaded(engines.module([compile_kernel(function, dtype, known) for function in functions]), known, dtype)


@cache
def library(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return all of the engine's kernels in the same way, also those that it hides."""
    separate = {name: f for each in engines.SEPARATE for name, f in engines.kernels_of(each).items()}
    apart = {"tile_address", *separate}
    known = {name: function for name, function in engines.kernels().items() if name not in apart}
    loaded = _loaded(engines.library(dtype), known, dtype)
    for each in engines.SEPARATE:
        loaded |= _loaded(engines.separate_library(each, dtype), engines.kernels_of(each), dtype)
    return loaded


def _loaded(text: str, known: Mapping[str, Callable[..., Any]], dtype: str) -> dict[str, Callable[..., Any]]:
    with mock.patch.object(engines, "code_of", lambda key, make: make()):  # a cache is for what is compiled again
        addresses = engines._load("", lambda: text.replace("define internal", "define"), list(known))
    return {name: _callable(function, addresses[name], dtype) for name, function in known.items()}


def _callable(function: Callable[..., Any], address: int, dtype: str) -> Callable[..., Any]:
    arguments, result = declaration(function, dtype)
    entry = ctypes.CFUNCTYPE(TYPES[result], *(TYPES[kind] for kind, _ in arguments))(address)

    def call(*given: Any) -> Any:
        return entry(*map(as_machine_code_has_it, given))

    call.address = address
    return call


def as_machine_code_has_it(given: Any) -> Any:
    """Return the address of an array or record, and numbers as they are."""
    if isinstance(given, np.ndarray):
        return address_of(given)
    if isinstance(given, list):
        return given[0].address
    return given.address if isinstance(given, Record) else given


# -- Python ------------------------------------------------------------------------------------------------------------


class World:
    """Memory as it is now, copied.

    Parameters
    ----------
    *roots : ndarray or Record, or lists of them
        All that these lead to is copied too.
    rows : mapping of int to Rows
        The rows functions that are called by their addresses.
    dtype : {"float32", "float64"}
        What `number` is.
    """

    def __init__(self, *roots: Any, dtype: str, rows: Mapping[int, Rows] | None = None) -> None:
        self.dtype = dtype
        self.memory: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by address: arrays, and copies of them
        self._seen: set[int] = set()
        self._add(roots)
        self._starts = sorted(self.memory)
        self.functions: dict[int, Callable[..., None]] = {a: rows_in_python(each) for a, each in (rows or {}).items()}
        for name, address in engines.engine(dtype).addresses.items():
            self.functions[address] = self.taking_addresses(engines.kernels()[name])

    def _add(self, given: Any) -> None:
        if id(given) in self._seen:
            return
        if isinstance(given, np.ndarray):
            while isinstance(given.base, np.ndarray):
                given = given.base
            if given.size:
                self.memory[address_of(given)] = given, given.reshape(-1).copy()
        elif isinstance(given, Record):
            self._seen.add(id(given))
            self._add(given.memory)
            self._add(list(given.__dict__.values()))
        elif isinstance(given, list | tuple):
            for each in given:
                self._add(each)

    def pointer(self, address: int) -> Pointer:
        """Return a pointer into the copies; one to nothing if the address is that of no array."""
        k = bisect_right(self._starts, address) - 1
        if k >= 0:
            start = self._starts[k]
            _, copy = self.memory[start]
            if address <= start + copy.nbytes:
                assert (address - start) % copy.itemsize == 0
                return Pointer(copy, (address - start) // copy.itemsize)
        return Pointer(np.empty(0))

    def address(self, pointer: Pointer) -> int:
        """Return where in memory a pointer into the copies points to."""
        (start,) = (start for start, (_, copy) in self.memory.items() if copy is pointer.array)
        return start + pointer.at * pointer.array.itemsize

    def given(self, kind: Any, value: Any) -> Any:
        """Return an argument, or what a field holds, as a kernel in Python has it."""
        if isinstance(kind, type):
            return RecordInPython(self, kind, value)
        if kind == "address":
            return Address(value, self)
        if kind in ("numbers", "floats", "ints"):
            return self.pointer(value)
        return value

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a kernel with what machine code would be called with."""
        return self.taking_addresses(function)(*map(as_machine_code_has_it, arguments))

    def taking_addresses(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a kernel that takes addresses where it has pointers."""
        kinds = signature(function).arguments.values()

        def call(*arguments: Any) -> Any:
            current = function.__globals__[function.__name__]  # which `in_python` may have exchanged
            return current(*(self.given(kind, each) for kind, each in zip(kinds, arguments, strict=True)))

        return call

    def assert_same(self) -> None:
        """Check that memory is now, after the compiled run, what the copies are."""
        for array, copy in self.memory.values():
            tolerance = TOLERANCE[self.dtype] * (1.0 + np.nanmax(np.abs(copy))) if copy.dtype.kind == "f" else 0
            np.testing.assert_allclose(array.reshape(-1), copy, rtol=0, atol=tolerance)


class Address(int):
    """The address of a function, which Python can call, or of a record."""

    def __new__(cls, value: int, world: World) -> Address:
        made = super().__new__(cls, value)
        made.world = world
        return made

    def __call__(self, *arguments: Any) -> None:
        self.world.functions[int(self)](*arguments)


class RecordInPython:
    """A record in a world's memory."""

    def __init__(self, world: World, kind: type[Record], address: int) -> None:
        kinds = kinds_of(kind)
        vars(self).update(_world=world, _kind=kind, _kinds=kinds, _address=address, _fields=world.pointer(address))

    def __getitem__(self, k: int) -> RecordInPython:
        return RecordInPython(self._world, self._kind, self._address + 8 * len(self._kinds) * k)

    def __getattr__(self, name: str) -> Any:
        value = int(self._fields[list(self._kinds).index(name)])
        if self._kinds[name] == "float":
            return struct.unpack("d", struct.pack("q", value))[0]
        return self._world.given(self._kinds[name], value)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._kinds[name] == "float":
            value = struct.unpack("q", struct.pack("d", value))[0]
        elif isinstance(value, Pointer):
            value = self._world.address(value)
        self._fields[list(self._kinds).index(name)] = value


@cache
def kinds_of(record: type[Record]) -> dict[str, Any]:
    """Return the types of a record's fields."""
    names = vars(inspect.getmodule(record))
    return {name: kind_of(kind, names) for name, kind in record.fields.items()}


def rows_in_python(rows: Rows) -> Callable[..., None]:
    """Return a rows function that runs its graph in NumPy."""

    def run(operands: RecordInPython, step: RecordInPython, n: int, width: int) -> None:
        if isinstance(step, int):
            step = operands._world.given(Step, step)
        places = []
        for k, at in enumerate(rows.at):
            start = operands[k].start
            first = 0 if at is None else getattr(step, at)
            index = start.at + (first + np.arange(n)[:, None]) * operands[k].pitch + np.arange(width)
            assert index.min(initial=0) >= 0
            places.append((start.array, start.at if at is None else index))
        with np.errstate(all="ignore"):
            outputs = rows.graph.run(*(places[k][0][places[k][1]] for k in rows.reads))
        for k, output in rows.writes:
            array, index = places[k]
            array[index] = 0.0 if output is None else outputs[output]

    return run


@contextmanager
def in_python(dtype: str) -> Iterator[set[str]]:
    """Let kernels in Python pack matrices for this machine, and return the names of those that are called meanwhile."""
    called: set[str] = set()
    known = engines.kernels()
    changed = {name: _noting(called, name, function) for name, function in known.items()}
    constants = {"LANES": processor.lanes(dtype), "VECTORS": tiles.vectors()}
    with ExitStack() as stack:
        for names in map(vars, (*engines.MODULES, *engines.SEPARATE)):
            new = {name: changed[name] for name in changed if names.get(name) is known[name]}
            new |= {name: value for name, value in constants.items() if name in names}
            stack.enter_context(mock.patch.dict(names, new))
        yield called


def _noting(called: set[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        called.add(name)
        return function(*arguments)

    return call


def rows_by_address(rows: Iterable[Rows], dtype: str) -> dict[int, Rows]:
    """Return rows functions by the addresses that the engine has given them."""
    listed = list(rows)
    return dict(zip(engines.engine(dtype).rows(listed), listed, strict=True))

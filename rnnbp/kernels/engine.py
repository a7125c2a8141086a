"""The engine: kernels as machine code, and how Python calls them.

The kernels of a dtype are one module of LLVM's, compiled (or read from the cache) when the first of them is needed; but
what only few networks need, and a cell's own rows functions, are small modules of their own. No code is ever given
back: records hold its addresses.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from llvmlite import binding

from rnnbp.kernels import (
    beam,
    ctc,
    matrices,
    normalization,
    processor,
    products,
    programs,
    recurrence,
    rows,
    static,
    tiles,
    training,
    weight_gradients,
    workers,
)
from rnnbp.kernels.cache import code_of, keeps
from rnnbp.kernels.compiler import compile_kernel
from rnnbp.kernels.emitter import Rows, rows_kernel
from rnnbp.kernels.kinds import EXPORTED, INVARIANT, METADATA
from rnnbp.kernels.llvm import Writer
from rnnbp.kernels.programs import Instruction
from rnnbp.kernels.records import Record

__all__ = ["Engine", "engine"]

MODULES: tuple[ModuleType, ...] = (
    matrices, normalization, products, programs, recurrence, rows, static, training, weight_gradients,
    workers,
)  # fmt: skip
SEPARATE: tuple[ModuleType, ...] = (beam, ctc)  # which neither call kernels of others nor are called by them
PYTHON_ONLY = ("floats_needed", "ints_needed", "packed_size", "work_size")
NOTICE_AFTER = 1.0  # seconds of compiling after which the user is told

_lock = threading.RLock()
_llvm_lock = getattr(binding.ffi.lib, "_lock", nullcontext())  # held by all calls of LLVM, numba's too; not public


def _hold_llvm() -> None:
    """Let no other thread be within LLVM while the process forks: the child would wait for it for ever."""
    _lock.acquire()
    _llvm_lock.__enter__()


def _let_go_of_llvm() -> None:
    _llvm_lock.__exit__(None, None, None)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_llvm, after_in_parent=_let_go_of_llvm, after_in_child=_let_go_of_llvm)


class Engine:
    """All kernels, for one dtype.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.lanes = processor.lanes(dtype)
        self.addresses = _load(f"kernels {dtype}", lambda: library(dtype), exported(MODULES))
        self._rows: dict[str, int] = {}
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(self["run_program"])

    def __getitem__(self, name: str) -> int:
        """Return the address of a kernel."""
        if name not in self.addresses:
            (each,) = (each for each in SEPARATE if name in kernels_of(each))
            loaded = _load(
                f"{each.__name__} {self.dtype}", lambda: separate_library(each, self.dtype), exported([each])
            )
            self.addresses = {**self.addresses, **loaded}
        return self.addresses[name]

    def instruction(self, name: str, record: Record) -> Instruction:
        """Return an instruction, for now in one share."""
        return Instruction(kernel=self[name], record=record, n_shares=1)

    def rows(self, wanted: Sequence[Rows]) -> list[int]:
        """Return the addresses of rows functions, all of which are compiled together if they are new."""
        prints = [each.fingerprint for each in wanted]
        with _lock:
            if any(each not in self._rows for each in prints):
                names = [f"rows{k}" for k in range(len(wanted))]

                def text() -> str:
                    return module(rows_kernel(name, each, self.dtype) for name, each in zip(names, wanted, strict=True))

                loaded = _load(f"rows {self.dtype} {prints}", text, names)
                self._rows.update(zip(prints, loaded.values(), strict=True))
            return [self._rows[each] for each in prints]


@cache
def _made(dtype: str) -> Engine:
    return Engine(dtype)


def engine(dtype: Any) -> Engine:
    """Return the engine for a dtype; the first call compiles it."""
    with _lock:
        return _made(str(dtype))


@cache
def kernels() -> dict[str, Callable[..., Any]]:
    """Return all kernels, by name."""
    return {name: function for each in (*MODULES, *SEPARATE) for name, function in kernels_of(each).items()}


def kernels_of(each: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the kernels of a module of Python's, by name."""
    return {
        name: function
        for name, function in vars(each).items()
        if isinstance(function, FunctionType) and function.__module__ == each.__name__ and name not in PYTHON_ONLY
    }


def exported(modules: Iterable[ModuleType]) -> list[str]:
    """Return the names of the kernels that Python calls, or puts into programs."""
    named = [pair for each in modules for pair in kernels_of(each).items()]
    return [name for name, function in named if "share" in function.__annotations__ or name in EXPORTED]


def separate_library(each: ModuleType, dtype: str) -> str:
    """Return the kernels of one of the separate modules in LLVM's words."""
    known = kernels_of(each)
    return module(compile_kernel(function, dtype, known) for function in known.values())


def library(dtype: str) -> str:
    """Return all kernels but the separate ones in LLVM's words."""
    known = {name: function for each in MODULES for name, function in kernels_of(each).items()}
    compiled = [compile_kernel(f, dtype, known) for name, f in known.items() if name != "tile_address"]
    compiled += [tiles.tile_kernel(name, *shape, dtype) for name, shape in tiles.tiles().items()]
    table = ", ".join(f"ptr @{name}" for name in tiles.tiles())
    n = len(tiles.tiles())
    return f"""
@tiles = internal constant [{n} x ptr] [{table}]
define internal i64 @tile_address(i64 %k) alwaysinline {{
  %p = getelementptr [{n} x ptr], ptr @tiles, i64 0, i64 %k
  %f = load ptr, ptr %p, !invariant.load {INVARIANT}
  %i = ptrtoint ptr %f to i64
  ret i64 %i
}}
{module(compiled)}
"""


def module(writers: Iterable[Writer]) -> str:
    """Return functions, and what they call, as one text."""
    listed = list(writers)
    declared = sorted(set().union(*(w.declarations for w in listed)))
    return "\n".join([*declared, *(w.text for w in listed), METADATA])


def _load(key: str, text: Callable[[], str], names: Sequence[str]) -> dict[str, int]:
    """Return the addresses of functions, compiled or from the cache."""
    with _lock:
        code = code_of(key, lambda: _compile(text()))
        machine = _machine()
        loader = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        loader.add_object_file(binding.ObjectFileRef.from_data(code))
        loader.finalize_object()
        _loaders.append(loader)
        return {name: loader.get_function_address(name) for name in names}


_loaders: list[Any] = []


def _machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=processor.name(), features=processor.features(), opt=2, reloc="pic", codemodel="jitdefault", jit=True
    )


def _compile(text: str) -> bytes:
    """Return machine code."""
    with _notice():
        machine = _machine()
        parsed = binding.parse_assembly(text)
        parsed.triple = binding.get_process_triple()
        parsed.data_layout = str(machine.target_data)
        parsed.verify()
        builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=2))
        builder.getModulePassManager().run(parsed, builder)
        return bytes(machine.emit_object(parsed))


@contextmanager
def _notice() -> Any:
    """Tell the user of a compilation that takes long, once."""
    timer = threading.Timer(NOTICE_AFTER, _say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@cache
def _say() -> None:
    if sys.stderr is not None:
        once = " (once: the result is kept on disk)" if keeps() else ""
        print(f"rnnbp: compiling for this machine{once} ...", file=sys.stderr)

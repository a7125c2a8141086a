"""What differs from processor to processor: the width of a vector, how a loop waits, how denormal numbers are flushed.

The width is the host's: 64 bytes with AVX-512, 32 with AVX2, 16 with SSE or NEON. The environment variable
RNNBP_SIMD_BYTES overrides it; 0 does without vectors.
"""

from __future__ import annotations

import os
import platform
from functools import cache

import numpy as np
from llvmlite import binding

from rnnbp.kernels.llvm import Writer

__all__ = ["features", "flush", "lanes", "n_registers", "name", "pause", "register_bytes", "restore"]

X86 = platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")
ARM = platform.machine().lower() in ("aarch64", "arm64")
FLUSH_X86, FLUSH_ARM = 0x8040, 1 << 24  # flush results to zero, and take denormal operands for zero


def pause(w: Writer) -> None:
    """Write what tells the processor that a loop waits."""
    if X86:
        w.call("llvm.x86.sse2.pause", "void", [])
    elif ARM:
        w.call("llvm.aarch64.hint", "void", [("i32", "1")])


@cache
def name() -> str:
    """Return what LLVM calls the processor."""
    return str(binding.get_host_cpu_name())


@cache
def features() -> str:
    """Return what it can do, in LLVM's words."""
    return str(binding.get_host_cpu_features().flatten())


@cache
def _host() -> tuple[int, int]:
    """Return the bytes of a vector register, and how many there are."""
    has = binding.get_host_cpu_features()
    if chosen := os.environ.get("RNNBP_SIMD_BYTES"):
        if chosen not in ("0", "16", "32", "64"):
            raise ValueError(f"RNNBP_SIMD_BYTES must be 0, 16, 32 or 64, but it is {chosen!r}")
        return int(chosen), 32 if chosen == "64" or ARM else 16
    if has.get("avx512f"):
        return 64, 32
    if has.get("avx2") and has.get("fma"):
        return 32, 16
    return 16, 32 if ARM else 16


def register_bytes() -> int:
    """Return the bytes of a vector register; 0 if there are no vectors."""
    return _host()[0]


def n_registers() -> int:
    """Return how many vector registers there are."""
    return _host()[1]


def lanes(dtype: str) -> int:
    """Return how many numbers of a dtype a vector register holds; 1 if there are no vectors."""
    return max(1, register_bytes() // np.dtype(dtype).itemsize)


def flush(w: Writer) -> str:
    """Write what sets the mode in which denormal numbers are zero, and return the value of the mode before."""
    if X86:
        slot = w.slot("i32")
        w.call("llvm.x86.sse.stmxcsr", "void", [("ptr", slot)])
        before = w.let(f"load i32, ptr {slot}")
        w.do(f"store i32 {w.let(f'or i32 {before}, {FLUSH_X86}')}, ptr {slot}")
        w.call("llvm.x86.sse.ldmxcsr", "void", [("ptr", slot)])
        return w.let(f"zext i32 {before} to i64")
    if ARM:
        before = w.call("llvm.aarch64.get.fpcr", "i64", [])
        w.call("llvm.aarch64.set.fpcr", "void", [("i64", w.let(f"or i64 {before}, {FLUSH_ARM}"))])
        return before
    return w.let("add i64 0, 0")


def restore(w: Writer, mode: str) -> None:
    """Write what sets a mode that `flush` has returned."""
    if X86:
        slot = w.slot("i32")
        w.do(f"store i32 {w.let(f'trunc i64 {mode} to i32')}, ptr {slot}")
        w.call("llvm.x86.sse.ldmxcsr", "void", [("ptr", slot)])
    elif ARM:
        w.call("llvm.aarch64.set.fpcr", "void", [("i64", mode)])

"""The clock and the scales: times of calls, threads coming to rest, peak memory."""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG_CALL = 0.3  # seconds: a call that long needs no other to warm it


def turn(run: Callable[[], Any], seconds: float) -> float:
    """Return the median time of calls made for so many seconds, after one that wakes threads and fills caches."""
    gc.collect()
    gc.disable()
    try:
        first = clock(run)
        if first > LONG_CALL:
            return first
        times = [clock(run)]
        while sum(times) < seconds:
            times.append(clock(run))
        return statistics.median(times)
    finally:
        gc.enable()


def clock(run: Callable[[], Any]) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def settle(limit: float = 2.0) -> None:
    """Wait until this process's threads use no processor time: they spin for a while after their work is done."""
    deadline = time.perf_counter() + limit
    while time.perf_counter() < deadline:
        used = time.process_time()
        time.sleep(0.005)
        if time.process_time() - used < 0.0005:
            return


def peak_memory(run: Callable[[], Any]) -> int | None:
    """Return by how many bytes the resident memory grows at most during a call; None where Linux does not count it."""
    if not sys.platform.startswith("linux"):
        run()
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else the call would find memory that is free but still counted
    Path("/proc/self/clear_refs").write_text("5")  # starts the high-water mark anew
    before = _kilobytes("VmRSS")
    run()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(f"/proc/self/status has no {field}")

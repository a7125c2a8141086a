"""tqdm's progress bar, in forked processes too.

A thread that draws a bar holds tqdm's lock, and the stream's. If the process is forked at that moment, the child has
the locks but not the thread, and would wait for it for ever. So nobody draws while a process is forked. tqdm's lock is
shared by processes, and the parent gives it back; the child takes one of its own.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(*args: Any, **options: Any) -> Any:
    """Return a bar; arguments are those of ``tqdm.tqdm``."""
    tqdm = _tqdm()
    with tqdm.get_lock():  # as a new bar flushes the streams before it asks for the lock itself
        return tqdm(*args, **options)


@cache
def _tqdm() -> Any:
    import tqdm as module

    tqdm: Any = module.tqdm
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lambda: tqdm.get_lock().acquire(),
            after_in_parent=lambda: tqdm.get_lock().release(),
            after_in_child=lambda: tqdm.set_lock(threading.RLock()),
        )
    return tqdm

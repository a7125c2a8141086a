"""tqdm's progress bar, in forked processes too.

A thread that draws a bar holds tqdm's lock. If the process is forked at that moment, the child has the lock but not the
thread, and would wait for it for ever: it takes a lock of its own.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(*args: Any, **options: Any) -> Any:
    """Return a bar; arguments are those of ``tqdm.tqdm``."""
    return _tqdm()(*args, **options)


@cache
def _tqdm() -> Any:
    from tqdm import tqdm

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: tqdm.set_lock(threading.RLock()))
    return tqdm

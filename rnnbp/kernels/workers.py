"""Work in shares, which threads pick up.

A job is a kernel, its record and a number of shares. The calling thread writes it down, takes shares until none is
left, and waits for those that others have taken; so nothing waits for a thread that is still asleep. A *ticket* says
which share is the next::

    ticket = number of the job * 2^32 + number of shares * 2^16 + next share

It is raised by compare-and-swap, so a share is taken once, and a worker that comes too late for a job takes none of the
following one's by mistake. A worker watches the ticket for a while after its last job before it goes to sleep (in
Python, `rnnbp.kernels.threads`), as waking takes 50 to 90 microseconds; and while a program runs it does not sleep.

A pool is an array of whole numbers, of which each that is written often has a cache line of its own.
"""

from __future__ import annotations

from rnnbp.kernels.language import (
    add_atomic,
    address,
    call,
    flush_denormals,
    ints,
    load_atomic,
    pause,
    restore_denormals,
    store_atomic,
    swap_atomic,
)

__all__ = ["AWAKE", "POOL_SIZE", "RUNNING", "STOP", "parallel", "serve"]

TICKET, DONE, AWAKE, STOP, NUMBER, FUNCTION, RECORD, RUNNING = 0, 8, 16, 24, 32, 40, 41, 48
POOL_SIZE = 56
SHARES, JOBS = 65536, 4294967296


def parallel(pool: ints, function: address, record: address, n: int):
    """Carry out all n shares of a job."""
    if n == 1:
        call(function, record, 0)
    else:
        store_atomic(pool, FUNCTION, function)
        store_atomic(pool, RECORD, record)
        store_atomic(pool, DONE, 0)
        pool[NUMBER] = (pool[NUMBER] + 1) % 1048576
        store_atomic(pool, TICKET, pool[NUMBER] * JOBS + n * SHARES)
        while _take(pool) > 0:
            pause()
        while load_atomic(pool, DONE) < n:
            pause()


def _take(pool: ints) -> int:
    """Carry out one share, if one is left; return whether it is worth asking again."""
    ticket = load_atomic(pool, TICKET)
    share = ticket % SHARES
    if share >= ticket // SHARES % SHARES:
        return 0
    function, record = load_atomic(pool, FUNCTION), load_atomic(pool, RECORD)
    if swap_atomic(pool, TICKET, ticket, ticket + 1) > 0:
        call(function, record, share)
        add_atomic(pool, DONE, 1)
    return 1


def serve(pool: ints, patience: int):
    """Take shares of jobs until there has been none for a while, or until told to stop."""
    mode = flush_denormals()
    add_atomic(pool, AWAKE, 1)
    waited = 0
    while waited < patience and load_atomic(pool, STOP) == 0:
        if _take(pool) > 0:
            waited = 0
        elif load_atomic(pool, RUNNING) > 0:  # a program is at work, and may have a job at any moment
            pause()
        else:
            pause()
            waited += 1
    add_atomic(pool, AWAKE, -1)
    restore_denormals(mode)

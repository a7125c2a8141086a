"""How many threads the library uses, and that processes which work side by side share the machine."""

import itertools
import os
import subprocess
import sys

import pytest

from rnnbp import threads

COUNT = "from rnnbp import threads; print(threads.count())"
NESTED = """
from joblib import Parallel, delayed
from rnnbp import threads
print(*Parallel(n_jobs=2)(delayed(threads.count)() for _ in range(2)))
"""


def counted(script=COUNT, **environment):
    """Return what a new process counts, with none of this one's settings."""
    ours = ("RNNBP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean | environment, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


AVAILABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_by_default_all_that_the_process_may_run_on():
    assert counted() == [AVAILABLE]


def test_the_environment_says_how_many():
    assert counted(OMP_NUM_THREADS="1") == [1]
    assert counted(RNNBP_NUM_THREADS="3", OMP_NUM_THREADS="1") == [3]


def test_processes_that_joblib_starts_share_the_machine():
    assert counted(NESTED) == [max(1, AVAILABLE // 2)] * 2


def test_a_limit_holds_in_its_block_only():
    before = threads.count()
    with threads.limit(1):
        assert threads.count() == 1
    assert threads.count() == before
    with pytest.raises(ValueError, match="n_threads must be a whole number of at least 1"):
        threads.limit(0).__enter__()


def test_all_calls_are_made_and_the_last_one_is_waited_for():
    seen = []
    threads.run(seen.append, [(k,) for k in range(5)])
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_calls_from_several_threads_do_not_get_in_each_other_s_way():
    from concurrent.futures import ThreadPoolExecutor

    def total(base):
        seen = []
        threads.run(seen.append, [(base + k,) for k in range(3)])
        return sum(seen)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(total, range(0, 400, 10))) == [3 * base + 3 for base in range(0, 400, 10)]


def test_an_error_in_a_thread_is_raised_where_the_call_came_from():
    def fail(k):
        if k == 1:
            raise ArithmeticError("in a thread")

    with pytest.raises(ArithmeticError, match="in a thread"):
        threads.run(fail, [(0,), (1,), (2,)])
    threads.run(fail, [(0,), (2,)])  # and its worker goes on


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("operations", [1.0, 1e5, 1e9])
def test_the_first_share_is_larger_by_what_is_done_while_others_wake(n_threads, operations):
    ends = [0.0, *threads.cuts(1000, n_threads, operations), 1000.0]
    first, *others = [stop - start for start, stop in itertools.pairwise(ends)]
    head = min(threads.HEAD_START / operations, 1000)
    assert others == pytest.approx([first - head] * (n_threads - 1))
    assert min(first, *others, 0.0) >= -1e-9

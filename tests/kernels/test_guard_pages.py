"""Compiled code touches no byte beyond its arrays: `guard_pages` puts untouchable pages beside all of them."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("guard_pages.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mprotect is called as Linux has it")


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "dtype"), [("after", "float32"), ("after", "float64"), ("before", "float32")])
def test_nothing_beside_an_array_is_touched(side, dtype):
    done = run(side, dtype)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]} {done.stderr}"
    assert done.stdout.splitlines()[-1] == "maximum 3"


def test_memory_that_is_too_small_is_noticed():
    assert run("after", "float32", "too-small").returncode == -signal.SIGSEGV

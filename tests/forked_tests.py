"""Run tests in forked processes, in which some modules are loaded already.

It is run as ``python tests/forked_tests.py [module ...]``. Each line of its standard input asks for one run, and is
answered by a line; both are JSON::

    {"files": [...], "only": [...] or null, "calls": path or null, "seconds": 60}  ->  "passed", "failed" or "endless"

`only` names the tests of these files that are run, in their order (default: all). A run ends with the first test that
fails; one that takes too long, or too much memory, is "endless". With `calls` it goes on, and writes how long each test
took and which functions of the package it called.

The package itself is loaded by the fork, so it may have changed since the last run.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

OPTIONS = (
    *("-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
MEMORY = 6 << 30  # bytes; what takes more is ended, and does not take the machine with it
NO_TESTS = pytest.ExitCode.NO_TESTS_COLLECTED


class Only:
    """A plugin: some tests, in their order."""

    def __init__(self, names: list[str]) -> None:
        self._place = {name: k for k, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])


class Calls:
    """A plugin: notes for each test how long it takes, and which functions of the package it calls."""

    def __init__(self, package: Path, path: Path) -> None:
        self._inside, self._root, self._path = f"{package}/", len(f"{package.parent}/"), path
        self._called: set[tuple[str, str]] = set()
        self._found: dict[str, Any] = {}

    def _note(self, frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self._inside):
            self._called.add((code.co_filename[self._root :], code.co_qualname))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._called, started = set(), time.perf_counter()
        threading.settrace(self._note)
        sys.settrace(self._note)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            seconds = time.perf_counter() - started
            self._found[item.nodeid] = [seconds, sorted({f"{file}:{name}" for file, name in self._called})]

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(self._found))


def run(asked: dict[str, Any]) -> int:
    """Run tests in this process; return pytest's status."""
    options = [*OPTIONS]
    plugins: list[Any] = []
    if asked["only"] is not None:
        plugins.append(Only(asked["only"]))
    if asked["calls"] is None:
        options.append("-x")
    else:
        plugins.append(Calls(Path.cwd() / "rnnbp", Path(asked["calls"])))
    return pytest.main([*options, *asked["files"]], plugins=plugins)


def forked(asked: dict[str, Any]) -> str:
    """Run tests in a forked process; return how that ended."""
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            status = run(asked)
        finally:
            os._exit(status)
    end, size = time.monotonic() + asked["seconds"], 0
    while time.monotonic() < end and size < MEMORY:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if os.waitstatus_to_exitcode(status) in (0, NO_TESTS) else "failed"
        size = resident(child)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "endless"


def resident(process: int) -> int:
    """Return the bytes of memory that a process takes; 0 where this is not known.

    A limit of its address space would be one for the compiled programs that tests run too, and sanitizers, which they
    are compiled with, reserve far more than they take.
    """
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    assert "rnnbp" not in sys.modules
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()

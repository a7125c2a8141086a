"""A short attack with forks beside threads; ``python -m tests.attack forks`` is the long one."""

import os
import threading

import numpy as np
import pytest

from . import forks, harness, threads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def test_children_of_a_busy_process_end_with_the_right_numbers(tmp_path):
    findings = harness.Findings()
    for seed in range(5):
        findings.add(harness.run_case(forks.case, seed, tmp_path, forks.LIMITS))
    assert findings.faults == {}
    assert findings.n_cases == 5


def test_a_child_that_hangs_is_found(tmp_path, monkeypatch):
    lock, parent = threading.Lock(), os.getpid()
    lock.acquire()

    def waits(net, data):
        if os.getpid() != parent:
            lock.acquire()  # which its parent holds for ever
        return [np.zeros(1)]

    monkeypatch.setattr(threads, "ACTIONS", (waits,))
    monkeypatch.setattr(forks, "PATIENCE", 0.5)
    findings = harness.run_case(forks.case, 0, tmp_path, forks.LIMITS)
    assert "a child hangs" in findings.faults[0]
    assert "in waits" in findings.faults[0]

"""A short attack with mixed threads; ``python -m tests.attack threads`` is the long one."""

import numpy as np

from . import harness, threads


def test_threads_may_do_anything_at_once(tmp_path):
    findings = harness.Findings()
    for seed in range(6):
        findings.add(harness.run_case(threads.case, seed, tmp_path, threads.LIMITS))
    assert findings.faults == {}
    assert findings.n_cases == 6


def test_a_wrong_number_is_found(tmp_path, monkeypatch):
    calls = iter(range(1000))
    monkeypatch.setattr(threads, "forwards", lambda net, data: [np.array(next(calls))])
    monkeypatch.setattr(threads, "ACTIONS", (threads.forwards,))
    findings = harness.run_case(threads.case, 0, tmp_path, threads.LIMITS)
    assert "gave other numbers than alone" in findings.faults[0]

"""A short attack on training runs; ``python -m tests.attack kills`` is the long one."""

from . import harness, kills


def test_runs_that_are_killed_go_on_to_the_same_bits(tmp_path):
    findings = harness.Findings()
    for seed in range(3):
        findings.add(harness.run_case(kills.case, seed, tmp_path, kills.LIMITS))
    assert findings.faults == {}
    assert findings.n_cases == 3

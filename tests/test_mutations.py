"""The script that breaks pullbacks: every break is noticed, and one that is not would be reported."""

import mutations
import numpy as np


def test_every_mutant_of_a_cell_is_caught(capsys):
    assert mutations.main(["GRU, reset before"]) == 0
    assert "0 survived" in capsys.readouterr().out


def test_a_mutant_that_no_check_notices_is_reported(capsys, monkeypatch):
    monkeypatch.setattr(mutations, "TOLERANCE", np.inf)
    assert mutations.main(["Elman"]) == 1
    assert "Elman, pullback: f_pullback(dh, z, h)  ->  -f_pullback(dh, z, h)" in capsys.readouterr().out


def example(kept, d_outputs):
    (a, b), (c,) = kept, d_outputs
    return a * b - c


def test_each_term_is_dropped_and_negated_and_each_factor_dropped():
    found = {
        changed.partition("  ->  ")[2]: mutant((5.0, 3.0), (4.0,)) for changed, mutant in mutations.mutants(example)
    }
    assert found == {
        "0.0 * (a * b - c)": 0.0,
        "-(a * b - c)": -11.0,
        "-c": -4.0,
        "a * b": 15.0,
        "-(a * b) - c": -19.0,
        "a * b + c": 19.0,
        "a": 1.0,
        "b": -1.0,
    }
    assert example((5.0, 3.0), (4.0,)) == 11.0

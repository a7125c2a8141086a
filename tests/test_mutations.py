"""The script that breaks pullbacks: every break is noticed, and one that is not would be reported."""

from functools import partial

import mutations
import numpy as np
import package_mutations
import pytest


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


# -- the rest of the package -------------------------------------------------------------------------------------------

THING = '''
"""Text with a 7 in it."""

def size(x: int = 3) -> "1 + 1":
    if x > 5 and not x == 8:
        raise ValueError(f"{x + 1} of 9")
    list(zip([], [], strict=True)).reshape(-1)
    return 0.5 * x
'''
ITS_TEST = """
from rnnbp import thing

def test_it():
    assert thing.size() == 1.5 and thing.size(5) == 2.5
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A package of one module, with tests beside it that miss something."""
    for name, content in {"rnnbp/__init__.py": "", "rnnbp/thing.py": THING, "tests/test_thing.py": ITS_TEST}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(package_mutations, "ROOT", tmp_path)
    monkeypatch.setattr(package_mutations, "LOADED", ())
    monkeypatch.setattr(package_mutations, "DEFAULTS", "tests/test_thing.py")
    return tmp_path


def test_each_operator_and_number_that_runs_is_broken(tree):
    found = [(each.number, each.old, each.new) for each in package_mutations.breaks("rnnbp/thing.py")]
    assert found == [
        (4, "3", "4"),
        (5, "x > 5 and (not x == 8)", "x > 5 or not x == 8"),
        (5, "x > 5", "x >= 5"),
        (5, "5", "6"),
        (5, "not x == 8", "x == 8"),
        (5, "x == 8", "x != 8"),
        (5, "8", "9"),
        (7, "-1", "1"),
        (8, "0.5 * x", "0.5 / x"),
        (8, "0.5", "1.0"),
    ]


def test_survivors_are_reported_and_nothing_is_left_broken(tree, capsys):
    (tree / "rnnbp/thing.py").write_text("def size(x=3):\n    return 0.5 * min(x, 5)\n")
    assert package_mutations.run(seed=0, count=10, wanted=["rnnbp/thing.py"], jobs=2) == 1
    told = capsys.readouterr().out
    assert "1 of 4 survived, 25.0 % (95 % interval 4.6 to 69.9 %;" in told
    assert told.endswith("rnnbp/thing.py:2: 5  ->  6\n")
    assert told.count("noticed") == 3


def test_a_run_is_gone_on_with_and_survivors_are_tried_again(tree, tmp_path, capsys):
    again = partial(package_mutations.run, seed=0, count=10, wanted=["rnnbp/thing.py"], jobs=1, kept=tmp_path / "kept")
    (tree / "rnnbp/thing.py").write_text("def size(x=3):\n    return 0.5 * min(x, 5)\n")
    assert again() == 1
    results = tmp_path / "kept/results.jsonl"
    assert len(results.read_text().splitlines()) == 4
    (tree / "tests/test_thing.py").write_text(ITS_TEST + "\ndef test_the_most():\n    assert thing.size(9) == 2.5\n")
    assert again() == 0
    assert len(results.read_text().splitlines()) == 5  # the one that had survived
    assert "0 of 4 survived" in capsys.readouterr().out


def test_the_function_is_known_in_which_a_break_is(tree):
    text = "A = 1\nclass C:\n    b = 2\n    def f(self, x=3):\n        return [x + 4 for x in x], lambda: 5\n"
    (tree / "rnnbp/thing.py").write_text(text)
    found = {each.old: each for each in package_mutations.breaks("rnnbp/thing.py")}
    assert {old: each.function for old, each in found.items()} == {
        "1": "", "2": "", "3": "", "x + 4": "C.f", "4": "C.f", "5": "C.f"
    }  # fmt: skip
    assert found["4"].is_in("rnnbp/thing.py:C.f.<locals>.<listcomp>")
    assert not found["4"].is_in("rnnbp/thing.py:C.ff")
    assert not found["4"].is_in("rnnbp/other.py:C.f")
    assert found["3"].is_in("rnnbp/thing.py:C.f")  # which runs with what stands there


def test_tests_that_fail_with_nothing_broken_notice_nothing(tree):
    (tree / "tests/test_thing.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(SystemExit, match="with nothing broken these tests fail"):
        package_mutations.run(seed=0, count=1, wanted=["rnnbp/thing.py"], jobs=1)


def test_tests_that_need_others_before_them_notice_nothing(tree):
    (tree / "rnnbp/thing.py").write_text("def size():\n    return 1\n\ndef other():\n    return 0\n")
    (tree / "tests/test_thing.py").write_text(
        "from rnnbp import thing\n\nSEEN = []\n\n"
        "def test_another():\n    SEEN.append(thing.other())\n\n"
        "def test_it():\n    assert SEEN and thing.size()\n"
    )
    with pytest.raises(SystemExit, match=r"with nothing broken .* fail if others are left out: tests/test_thing"):
        package_mutations.run(seed=0, count=2, wanted=["rnnbp/thing.py"], jobs=1)


def test_breaks_that_are_listed_as_equivalent_are_there_and_have_a_reason():
    for each in package_mutations.equivalent():
        assert set(each) == {"file", "line", "old", "reason"}
        lines = [line.strip() for line in (package_mutations.ROOT / each["file"]).read_text().splitlines()]
        assert each["line"] in lines, each
        assert each["old"] in ("*", *(found.old for found in package_mutations.breaks(each["file"]))), each

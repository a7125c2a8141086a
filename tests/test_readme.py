"""README, block by block, as a reader tries it: each in a process of its own, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnbp

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```(\w+)\n(.*?)```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def run(tmp_path):
    """Run a block; return what it printed. It must not print anything else."""

    def run_block(command):
        environment = os.environ | {"PYTHONPATH": str(Path(rnnbp.__file__).parents[1]), "MPLBACKEND": "Agg"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stderr.splitlines() if not line.startswith("rnnbp: compiling for this machine")]
        assert said == []  # no warning, no progress where there is no terminal
        return done.stdout

    return run_block


def test_every_block_is_found():
    assert README.count("```") == 2 * (len(BLOCKS) + 1)  # and the set-up commands, which .ci/run runs


@pytest.mark.parametrize(("title", "code"), [(title, code) for title, kind, code in BLOCKS if kind == "python"])
def test_a_block_of_python_runs(run, tmp_path, title, code):
    printed = run([sys.executable, "-c", code])
    assert bool(printed) == ("print(" in code)
    for name in re.findall(r'"(\w+\.(?:png|h|safetensors|rnnbp))"[,)]', code):
        assert (tmp_path / name).stat().st_size > 1000
    if title == "A network in ten lines":
        assert float(printed) > 0.85
    if title == "Speech to text":
        assert printed.count("'") >= 12


def test_the_command_line_runs(run, tmp_path):
    """On tables such as the block speaks of: patients, hours, what was measured, and how it went."""
    (code,) = (code for title, kind, code in BLOCKS if title == "Without Python")
    rng = np.random.default_rng(0)
    table = [
        (
            patient,
            f"w{patient // 6}",
            hour,
            70 + 8 * ill * hour + rng.normal(),
            37 + 0.3 * ill * hour,
            "ill" * ill or "well",
        )
        for patient, ill in enumerate([0, 1] * 30)
        for hour in range(rng.integers(5, 12))
    ]
    known = pd.DataFrame(table, columns=["patient", "ward", "hour", "pulse", "temperature", "outcome"])
    known.to_csv(tmp_path / "ward.csv", index=False)
    known[known.patient < 4].drop(columns=["ward", "outcome"]).to_csv(tmp_path / "new.csv", index=False)
    for line in code.strip().splitlines():
        assert line.startswith("rnnbp ")
        printed = run([sys.executable, "-m", *line.split()])
        if " predict " in line:
            assert len(printed.splitlines()) == 4
    assert "ward_step(" in (tmp_path / "ward.h").read_text()


def test_every_file_it_names_is_there():
    for name in re.findall(r"`((?:examples|rnnbp|datasets|benchmarks)/[\w./]+)`|\]\(([\w./]+)\)", README):
        path = ROOT / (name[0] or name[1])
        assert path.exists(), path

"""examples/train_on_a_cluster.py, run on a scheduler's address as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import rnnbp

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_on_a_cluster.py"
SMALL = ["--max-epochs", "2", "--sequences", "60", "--steps", "8", "--hidden", "6", "--parts", "3"]


def test_it_learns_on_any_scheduler_what_it_learns_in_one_process(cluster, client, tmp_path):
    command = [
        sys.executable, str(EXAMPLE), "--address", cluster.scheduler_address, "--dtype", "float64", "--compare",
        "--figure", "losses.png", *SMALL,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(rnnbp.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    here, there = re.split("the same in one process", done.stdout)
    losses = [re.findall(r"loss (\S+), of sequences held out (\S+),", each) for each in (here, there)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 2
    assert float(re.search(r"largest difference between parameters: (\S+)", there)[1]) < 1e-12
    assert (tmp_path / "losses.png").stat().st_size > 5000

"""Runs that are killed at any moment: their checkpoints are whole, they go on to the same bits, and nothing is left.

A training run in a process of its own, which writes a checkpoint after every update, is killed (SIGKILL) or asked to
end (SIGTERM, SIGINT), perhaps several times, at moments from its first import to its end. Each time the file must be
readable, or not there yet. The run that is left alone at last must end as one that was never killed, and no temporary
file may remain.
"""

import functools
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from rnnbp.files import model_file
from tests import kill_and_resume

from .harness import Fault, Limits

LIMITS = Limits(seconds=20.0, megabytes=50.0, batch=20)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@functools.cache
def unbroken(name):
    """Return what a run ends with that is left alone, and its seconds before and after its first checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        started, checkpoint = time.monotonic(), Path(folder, "run.ckpt")
        process = kill_and_resume.start(name, checkpoint)
        kill_and_resume.wait_for(checkpoint, process)
        first = time.monotonic()
        return kill_and_resume.finish(process), first - started, time.monotonic() - first


def kill(name, checkpoint, number, draw):
    """Send a signal to a run at any moment, more often after its first checkpoint; return how it ended."""
    _, before, after = unbroken(name)
    process = kill_and_resume.start(name, checkpoint)
    if draw.random() < 0.2:
        time.sleep(draw.uniform(0.0, before))
    else:
        if not checkpoint.exists():
            kill_and_resume.wait_for(checkpoint, process)
        time.sleep(draw.uniform(0.0, after))
    process.send_signal(number)
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Fault(f"a run goes on after {number.name}") from None
    return process.returncode


def case(seed, folder):
    draw = random.Random(seed)
    name = draw.choice(list(kill_and_resume.RUNS))
    expected, *_ = unbroken(name)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        checkpoint, killed = Path(own, "run.ckpt"), 0
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            number = draw.choice(SIGNALS)
            killed += kill(name, checkpoint, number, draw) != 0
            if checkpoint.exists():
                model_file.read(checkpoint)
            if len(left := sorted(file.name for file in Path(own).iterdir())) > 2:
                raise Fault(f"there are {left}")
        if kill_and_resume.finish(kill_and_resume.start(name, checkpoint)) != expected:
            raise Fault(f"a {name} run ended otherwise than one that was left alone")
        if (left := sorted(file.name for file in Path(own).iterdir())) != ["run.ckpt"]:
            raise Fault(f"there are {left} at the end")
    return f"{name}: the same bits after {killed} kills"

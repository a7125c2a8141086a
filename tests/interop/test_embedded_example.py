"""The digit recogniser of examples/embedded, from samples to a digit in C, on speakers whom it has not heard."""

import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from networks_in_c import SANITIZERS, STRICT, compilers, needs_compiler

from rnnbp import datasets

FOLDER = Path(__file__).parents[2] / "examples" / "embedded"


def write_wav(path, samples, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedded")
    for name in ("main.c", "train.py", "Makefile"):
        shutil.copy(FOLDER / name, folder)
    subprocess.run([sys.executable, "train.py", "digits.h", "8"], cwd=folder, check=True)
    command = [*compilers()[0], *STRICT, *SANITIZERS, "main.c", "-o", "digits"]
    subprocess.run(command, cwd=folder, check=True)

    def run(path):
        return subprocess.run([folder / "digits", path], capture_output=True, text=True)

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "one header of C"),
        (["no/digits.h"], 2, "a .h file in a folder that exists, but no/digits.h was given"),
        (["digits.txt"], 2, "a .h file"),
        (["digits.h", "0"], 2, "epochs must be at least 1, but 0 was given"),
    ],
)
def test_training_says_what_it_takes(tmp_path, arguments, code, said):
    command = [sys.executable, FOLDER / "train.py", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code
    assert said in (done.stderr if code else done.stdout)
    assert not any(tmp_path.iterdir())


@needs_compiler
def test_it_knows_digits_of_speakers_that_it_has_not_heard(recogniser, tmp_path):
    data = datasets.load_spoken_digits()
    held_out = np.flatnonzero(np.isin(data.groups, np.unique(data.groups)[-2:]))
    chosen = np.random.default_rng(0).choice(held_out, 40, replace=False)
    right = 0
    for i in chosen:
        write_wav(tmp_path / "digit.wav", data.waves[i])
        done = recogniser(tmp_path / "digit.wav")
        assert done.returncode == 0, done.stderr
        right += int(done.stdout) == int(data.target[i])
    assert right >= 32


@needs_compiler
def test_files_that_are_no_such_recording_are_refused(recogniser, tmp_path):
    write_wav(tmp_path / "silent.wav", np.zeros(4000))
    write_wav(tmp_path / "short.wav", np.ones(10))
    write_wav(tmp_path / "fast.wav", np.ones(4000), rate=16000)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "silent.wav").read_bytes()[:44])
    for name, code in {"silent": 1, "short": 1, "cut": 1, "fast": 2, "text": 2, "missing": 2}.items():
        done = recogniser(tmp_path / f"{name}.wav")
        assert done.returncode == code, (name, done.stdout, done.stderr)
        assert done.stderr


@needs_compiler
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_the_makefile_says_how_it_is_built():
    said = subprocess.run(["make", "-n", "-B"], cwd=FOLDER, capture_output=True, text=True, check=True).stdout
    assert "train.py digits.h" in said
    assert "main.c -o digits" in said

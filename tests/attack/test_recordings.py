"""A short attack with damaged recordings; ``python -m tests.attack recordings`` is the long one."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from rnnbp import audio

from . import harness, recordings


def test_damaged_recordings_are_refused_or_read_but_never_harm():
    findings = harness.attack("recordings", range(400))
    assert findings.faults == {}
    assert findings.n_cases == 400
    assert {f"{damage}: refused" for damage in recordings.DAMAGES if damage != "append"} <= set(findings.outcomes)
    assert findings.growth < 100  # MB


def test_a_seed_is_a_recording():
    (one, _, content, _), (other, _, again, _) = recordings.recording(17), recordings.recording(17)
    assert one == other
    assert content == again


def test_all_formats_that_are_read_are_attacked():
    assert {container for container, _, _ in recordings.encodings()} >= set(recordings.READ)


WRONG = {
    "an exception": (lambda *_, **__: 1 / 0, "ZeroDivisionError"),
    "infinity": (lambda *_, **__: np.full(10, np.inf, np.float32), "no samples"),
    "loud": (lambda *_, **__: np.full(10, 2, np.float32), "no samples"),
    "nothing": (lambda *_, **__: np.zeros(0, np.float32), "shape"),
    "memory": (lambda *_, **__: np.zeros(20_000_000, np.float32), "MB, more than 64"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_reader_that_does_harm_is_found(tmp_path, monkeypatch, name):
    function, message = WRONG[name]
    monkeypatch.setattr(audio, "load", function)
    tracemalloc.start()
    seed = next(seed for seed in range(1000) if recordings.recording(seed)[1] == "bits")
    findings = harness.run_case(recordings.case, seed, tmp_path, recordings.LIMITS)
    tracemalloc.stop()
    assert message in findings.faults[seed]


def test_a_reader_that_believes_headers_is_found(tmp_path, monkeypatch):
    def believe(path, sample_rate, **_):
        try:
            return np.clip(soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1), -1, 1)
        except soundfile.LibsndfileError as error:
            raise audio.AudioError(f"{path}: {error}") from error

    monkeypatch.setattr(audio, "load", believe)
    findings = harness.Findings()
    for seed in range(150):
        findings.add(harness.run_case(recordings.case, seed, tmp_path, recordings.LIMITS))
    assert any("bytes are missing" in text for text in findings.faults.values())

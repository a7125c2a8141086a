"""Audio features in C, against those of `AudioFeatures`."""

import subprocess

import numpy as np
import pytest
from networks_in_c import SANITIZERS, STRICT, compilers, needs_compiler

from rnnbp import Network, audio, datasets, layers
from rnnbp.interop import c

PROGRAM = """
#include "net.h"
#include <stdio.h>

static float samples[1 << 20], x[NET_N_INPUTS];

int main(void)
{
    struct net_recording r;
    size_t t;
    if (!net_listen(&r, samples, fread(samples, sizeof *samples, 1 << 20, stdin)))
        return 3;
    for (t = 0; t < r.n_frames; ++t) {
        net_features(&r, t, x);
        fwrite(x, sizeof x, 1, stdout);
    }
    return 0;
}
"""
SETTINGS = {
    "log-mel": {"n_mels": 32, "normalize": None},
    "trimmed and standardised": {"n_mels": 24, "trim": 30.0},
    "their mean taken off, trimmed a little": {"normalize": "mean", "trim": 60.0},
    "cepstrum": {"kind": "mfcc", "normalize": None},
    "cepstrum, standardised": {"kind": "mfcc", "n_mfcc": 20, "f_min": 100.0, "f_max": 3500.0},
    "long frames that are a power of two": {"frame_length": 0.064, "hop_length": 0.02, "normalize": None},
}


def program(features, folder):
    net = Network([layers.Dense(len(features.get_feature_names_out()), 2)])
    c.export(net, folder / "net.h", features=features)
    (folder / "main.c").write_text(PROGRAM)
    subprocess.run([*compilers()[0], *STRICT, *SANITIZERS, "main.c", "-o", "main"], cwd=folder, check=True)
    return lambda wave: subprocess.run([folder / "main"], input=wave.astype(np.float32).tobytes(), capture_output=True)


@needs_compiler
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_features_in_c_are_those_of_the_library(settings, tmp_path):
    data = datasets.load_spoken_digits()
    features = audio.AudioFeatures(data.sample_rate, **settings)
    run = program(features, tmp_path)
    rng = np.random.default_rng(0)
    waves = [
        *data.waves[:3],
        data.waves[500],
        rng.normal(size=features._frontend().frame) * 0.1,
        0.01 + 0.1 * data.waves[7],
    ]
    for wave in waves:
        wave = wave.astype(np.float32)
        [expected] = features.transform([wave])
        done = run(wave)
        assert done.returncode == 0, done.stderr
        found = np.frombuffer(done.stdout, np.float32).reshape(-1, expected.shape[1])
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 2e-4 * np.abs(expected).max()


@needs_compiler
def test_a_header_is_verified_from_the_samples_on():
    data, rng = datasets.load_spoken_digits(), np.random.default_rng(0)
    features = audio.AudioFeatures(data.sample_rate, n_mels=24, trim=40.0)
    net = Network([layers.GRU(24, 8), layers.LastStep(), layers.Dense(8, 10)])
    found = c.verify(net, data.waves[:6], features=features)
    assert found.n_outputs > 6 * 10 * 10
    assert found.relative < 1e-3
    assert found.agreement > 0.99
    whole = c.verify(net, data.waves[:2], features=features, quantize="int8", calibration=[rng.normal(size=(50, 24))])
    assert found.relative < whole.relative < 0.1
    with pytest.raises(ValueError, match=r"with features, sequences must be recordings of shape \(n,\), but one is"):
        c.verify(net, [np.ones((5, 24))], features=features)


@needs_compiler
def test_what_is_too_short_or_silent_is_refused(tmp_path):
    run = program(audio.AudioFeatures(8000), tmp_path)
    for wave in (np.zeros(0), np.ones(199), np.zeros(4000), np.full(4000, 1e-30), np.full(4000, 1e25)):
        assert run(wave).returncode == 3


@pytest.mark.parametrize(
    ("error", "message", "features", "dtype"),
    [
        (
            ValueError,
            "must have no time derivatives .deltas=0., but deltas=1",
            audio.AudioFeatures(8000, deltas=1),
            None,
        ),
        (
            ValueError,
            "as many as the network takes, 40, but 13 were given",
            audio.AudioFeatures(8000, kind="mfcc"),
            None,
        ),
        (ValueError, "features are float32", audio.AudioFeatures(8000), "float64"),
        (TypeError, r"features must be AudioFeatures\(...\), but str was given", "log_mel", None),
    ],
)
def test_features_that_have_no_c_are_refused(error, message, features, dtype, tmp_path):
    with pytest.raises(error, match=message):
        c.export(Network([layers.Dense(40, 2)]), tmp_path / "model.h", features=features, dtype=dtype)
    assert not list(tmp_path.iterdir())

"""The tables of series classification and of forecast intervals: what they are made of, and one quick run of each."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import forecast_intervals, forecasts, series_classification, speech_recognition
from benchmarks.series_classification import TASKS, warped_distances

pytestmark = pytest.mark.filterwarnings("ignore")  # of convergence and scales, as the commands do
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("task", TASKS)
def test_training_and_test_data_are_apart_and_of_one_kind(task):
    data = TASKS[task][1](2000)
    assert set(np.unique(data.y)) == set(np.unique(data.y_test))
    assert {x.shape[1] for x in data.X} == {x.shape[1] for x in data.X_test}
    seen = {np.asarray(x).tobytes() for x in data.X}
    assert not any(np.asarray(x).tobytes() in seen for x in data.X_test)
    again = TASKS[task][1](2000)
    assert all(np.array_equal(a, b) for a, b in zip(data.X, again.X, strict=True))


def warped_distance(x, y, width):
    """The recursion as it is defined, cell by cell."""
    table = np.full((len(x) + 1, len(y) + 1), math.inf)
    table[0, 0] = 0
    for i in range(len(x)):
        for j in range(len(y)):
            if abs(j - i * (len(y) - 1) / max(len(x) - 1, 1)) <= width:
                best = min(table[i, j], table[i, j + 1], table[i + 1, j])
                table[i + 1, j + 1] = ((x[i] - y[j]) ** 2).sum() + best
    return table[-1, -1]


@pytest.mark.parametrize(("t", "u"), [(9, 9), (12, 7), (5, 20), (30, 31), (1, 4)])
@pytest.mark.parametrize("band", [0.1, 1.0])
def test_warping_is_the_recursion_within_the_band(t, u, band):
    some, others = RNG.normal(size=(3, t, 2)), RNG.normal(size=(4, u, 2))
    width = max(math.ceil(band * max(t, u)), math.ceil(u / t))
    expected = [[warped_distance(x, y, width) for y in others] for x in some]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(warped_distances(some, others, band), expected, rtol=1e-12)


def test_what_is_only_warped_is_near():
    slow, fast = np.sin(np.linspace(0, 6, 60))[:, None], np.sin(np.linspace(0, 1, 60) ** 1.1 * 6)[:, None]
    assert warped_distances(slow[None], fast[None]).item() < 0.1 * np.square(slow - fast).sum()


def test_classifiers_are_compared_and_written_down(tmp_path, capsys):
    path = tmp_path / "found.json"
    assert series_classification.main(["--tasks", "charts", "--seeds", "1", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(path.read_text())["tasks"]["charts"]["accuracy"]
    assert found.keys() == {"default", "recommended", "warping", "logistic"}
    assert found["recommended"][0] > 0.9
    assert f"{100 * found['warping'][0]:.1f}" in printed
    path.write_text(path.read_text().replace('"warping": [', '"warping": [0.125, '))
    given = ["--tasks", "charts", "--seeds", "1", "--classifiers", "logistic", "--json", str(path)]
    assert series_classification.main(given) == 0
    again = json.loads(path.read_text())["tasks"]["charts"]["accuracy"]
    assert again == found | {"warping": [0.125, *found["warping"]]}  # what was found of others stays


def test_intervals_are_measured_and_written_down(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(forecast_intervals, "N_TRAINED", 120)
    monkeypatch.setattr(forecast_intervals, "N_ORIGINS", 10)
    path = tmp_path / "found.json"
    assert forecast_intervals.main(["--series", "autoregression", "--seeds", "2", "--json", str(path)]) == 0
    assert capsys.readouterr().out.count("autoregression") == 2
    found = json.loads(path.read_text())["series"]["autoregression"]
    assert found["fits"] == 2
    assert len(found["nominal 80 %"]["covered"]) == len(found["nominal 95 %"]["width"]) == 4


def test_forecasts_are_measured_and_written_down(tmp_path, capsys):
    path = tmp_path / "found.json"
    assert forecasts.main(["--series", "growth", "--seeds", "2", "--json", str(path)]) == 0
    assert "growth" in capsys.readouterr().out
    found = json.loads(path.read_text())["series"]["growth"]
    assert np.mean(found["both"]) < 0.7 * np.mean(found["network"])
    assert np.allclose(found["both"], found["linear"], rtol=0.3)
    assert len(found["w"]) == 2


@pytest.mark.parametrize("name", [*forecast_intervals.GENERATED, *forecasts.KINDS])
def test_a_generated_series_is_its_seed_s(name):
    make = forecasts.KINDS[name].make if name in forecasts.KINDS else forecast_intervals.GENERATED[name]
    first, again, other = (make(np.random.default_rng(seed), 50) for seed in (0, 0, 1))
    assert first.shape == (50,)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


needs_an4 = pytest.mark.skipif(
    not Path(os.environ.get("RNNBP_DATA", ""), "an4").is_dir(), reason="AN4 is not in RNNBP_DATA"
)


@needs_an4
def test_held_out_speakers_are_not_learnt_from_nor_of_the_test():
    learnt, heard = speech_recognition.split(True)
    assert len(set(heard.speaker)) == speech_recognition.N_HELD_OUT
    assert not set(learnt.speaker) & set(heard.speaker)
    assert len(learnt) + len(heard) == 948
    assert not set(heard.speaker) & set(speech_recognition.split(False)[1].speaker)


@needs_an4
def test_speech_is_measured_seed_by_seed_and_goes_on(tmp_path, capsys, monkeypatch):
    learnt, heard = (part.select(np.arange(0, len(part), 20)) for part in speech_recognition.split(True))
    monkeypatch.setattr(speech_recognition, "split", lambda held_out: (learnt, heard))
    path = tmp_path / "found.json"
    small = ["--set", '{"hidden_layer_sizes": [4], "max_iter": 1, "speeds": [], "beam_width": 2}', "--held-out"]
    given = [*small, "--networks", "2", "--json", str(path)]
    assert speech_recognition.main(["--seeds", "3", *given]) == 0
    (first,) = json.loads(path.read_text())["seeds"]
    assert first["seed"] == 3
    assert first["wrong_with_language_model"] > 0
    assert len(first["wrong_of_each"]) == len(first["wrong_of_each_with_language_model"]) == 2
    assert first["words"] == sum(len(text.split()) for text in heard.text)
    path.write_text(path.read_text().replace(f'"wrong": {first["wrong"]}', '"wrong": 17'))
    capsys.readouterr()
    assert speech_recognition.main(["--seeds", "3", *given]) == 0  # it is not trained again
    assert "17 wrong" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="other settings"):
        speech_recognition.main(["--seeds", "3", *given, "--set", "{}"])

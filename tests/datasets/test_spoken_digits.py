"""The spoken digits that ship: what is in them, how they are read, and that they are worth learning from."""

import csv
import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import stft

from rnnbp import datasets
from rnnbp.datasets import shipped

FOLDER = Path(__file__).parents[2] / "datasets" / "spoken_digits"
SCRIPT = FOLDER.parent / "make_spoken_digits.py"


@pytest.fixture(scope="module")
def digits():
    return datasets.load_spoken_digits()


def test_every_voice_says_every_digit_three_times(digits):
    said = list(zip(digits.groups.tolist(), digits.target.tolist(), strict=True))
    assert len(said) == 36 * 10 * 3
    assert {said.count(one) for one in set(said)} == {3}


def test_train_and_test_share_no_speaker(digits):
    # "rms-small" is the same person as "rms".
    train, test = ({name.split("-")[0] for name in digits.groups[digits.subset == part]} for part in ("train", "test"))
    assert len(train | test) >= 24
    assert len(test) == 8
    assert not train & test


def test_waves_are_float32_within_full_scale_and_of_natural_length(digits):
    assert {wave.dtype for wave in digits.waves} == {np.dtype("float32")}
    assert max(np.abs(wave).max() for wave in digits.waves) < 1
    seconds = np.array([wave.size for wave in digits.waves]) / digits.sample_rate
    assert seconds.min() > 0.2
    assert seconds.max() < 1
    assert digits.sample_rate == 8000


def test_the_index_covers_the_sound_and_leaves_out_the_pauses():
    with open(FOLDER / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for path in {row["path"] for row in rows}:
        samples, _ = soundfile.read(FOLDER / path, dtype="int16")
        inside = np.zeros(samples.size, dtype=bool)
        for row in rows:
            if row["path"] == path:
                inside[int(row["start"]) : int(row["stop"])] = True
        assert not samples[~inside].any()
        assert np.mean(samples[inside] == 0) < 0.3


def test_the_files_take_at_most_six_megabytes():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 6e6


def test_a_wave_is_the_part_of_its_voices_file_that_the_index_names(digits):
    with open(FOLDER / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for i in (0, 1, 29, 30, 1079):
        samples, _ = soundfile.read(FOLDER / rows[i]["path"], dtype="int16")
        part = samples[int(rows[i]["start"]) : int(rows[i]["stop"])]
        assert np.array_equal(digits.waves[i] * np.float32(32768), part)
        assert (str(digits.target[i]), digits.groups[i]) == (rows[i]["digit"], rows[i]["voice"])


@pytest.mark.parametrize(("subset", "count"), [("train", 840), ("test", 240)])
def test_a_subset_is_the_part_of_all_that_it_names(digits, subset, count):
    part = datasets.load_spoken_digits(subset)
    assert len(part.waves) == count
    assert part.names.tolist() == digits.names[digits.subset == subset].tolist()
    assert part.target.dtype == np.int64


def test_a_name_says_digit_voice_and_take(digits):
    assert digits.names[0] == "0_alex_0"
    assert all(
        name.split("_")[:2] == [str(digit), voice]
        for name, digit, voice in zip(digits.names, digits.target, digits.groups, strict=True)
    )
    assert np.unique(digits.names).size == digits.names.size


def test_select_takes_a_mask_or_indices(digits):
    mask = digits.groups == "awb"
    chosen = digits.select(mask)
    again = digits.select(np.flatnonzero(mask))
    assert len(chosen.waves) == 30
    assert set(chosen.groups) == {"awb"}
    assert chosen.names.tolist() == again.names.tolist()
    assert chosen.target.tolist() == [int(name[0]) for name in chosen.names]
    assert set(chosen.subset) == {"test"}
    assert chosen.waves[0] is digits.waves[np.flatnonzero(mask)[0]]
    assert len({digits, chosen, again}) == 3  # sets are themselves; no arrays are compared


def test_it_describes_itself(digits):
    assert repr(digits) == "<AudioDataset: 1080 recordings at 8000 Hz (train and test), 10 classes, 36 voices>"
    assert "datasheet" in digits.DESCR
    assert digits.target_names[3] == "three"


def test_an_unknown_subset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown subset 'validation': the known ones are 'train', 'test', 'all'"):
        datasets.load_spoken_digits("validation")


def test_missing_files_are_reported_with_where_they_should_be(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "_PLACES", (tmp_path / "wheel", tmp_path / "checkout"))
    with pytest.raises(FileNotFoundError, match=r"wheel or .*checkout.*make_spoken_digits\.py"):
        datasets.load_spoken_digits()


def test_the_installed_copy_is_read_where_there_is_no_checkout(monkeypatch, tmp_path):
    shutil.copytree(FOLDER, tmp_path / "wheel")
    monkeypatch.setattr(shipped, "_PLACES", (tmp_path / "wheel", tmp_path / "checkout"))
    assert len(datasets.load_spoken_digits("test").waves) == 240


def test_unseen_voices_are_understood_by_a_simple_classifier_but_not_without_order_in_time(digits):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def spectrogram(wave):
        """Log power in 20 steps of time by 26 bands."""
        _, _, bins = stft(wave / np.abs(wave).max(), nperseg=200, noverlap=120, nfft=256)
        edges = np.unique(np.geomspace(2, 128, 27).round().astype(int))
        power = np.add.reduceat(np.abs(bins[:128]) ** 2, edges[:-1], axis=0)
        levels = np.log(power + 1e-7)
        at = np.linspace(0, levels.shape[1] - 1, 20)
        return np.array([np.interp(at, np.arange(band.size), band) for band in levels - levels.mean()])

    X = np.array([spectrogram(wave) for wave in digits.waves])
    train, test = digits.subset == "train", digits.subset == "test"

    def accuracy(features):
        model = make_pipeline(StandardScaler(), SVC(C=10)).fit(features[train], digits.target[train])
        return model.score(features[test], digits.target[test])

    assert accuracy(X.reshape(len(X), -1)) > 0.93
    assert accuracy(X.mean(axis=2)) < 0.85


def _version(program, flag):
    if shutil.which(program) is None:
        return ""
    return subprocess.run([program, flag], capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(
    " 1.51" not in _version("espeak-ng", "--version") or "flite-2.2" not in _version("flite", "--version"),
    reason="the recordings were made with espeak-ng 1.51 and flite 2.2",
)
def test_the_script_makes_the_same_samples_again(tmp_path):
    spec = importlib.util.spec_from_file_location("make_spoken_digits", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    voices = [voice for voice in script.VOICES if voice.name in ("awb", "slt-tall", "f2")]
    script.make(tmp_path, n_takes=3, seed=0, voices=voices)
    for path in tmp_path.rglob("*.flac"):
        made, shipped_ = (
            soundfile.read(root / path.relative_to(tmp_path), dtype="int16")[0] for root in (tmp_path, FOLDER)
        )
        assert np.array_equal(made, shipped_)

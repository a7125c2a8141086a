"""The examples, run as a user runs them: each in a process of its own, by its command line."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread, imsave
from sklearn.datasets import load_digits

import rnnbp
from rnnbp import datasets

ROOT = Path(__file__).parents[1]
EXAMPLES = [
    "amplifier",
    "connected_digits",
    "fixed_point",
    "handwritten_digits",
    "iris_backprop",
    "live_transcription",
    "online_learning",
    "scikit_learn_pipeline",
    "speech_recognition",
    "spoken_digits",
    "static_vs_recurrent",
    "train_on_a_cluster",
]
NEEDS_DATA = pytest.mark.skipif(not os.environ.get("RNNBP_DATA"), reason="RNNBP_DATA is not set, and it would download")


@pytest.fixture
def run(tmp_path):
    """Run an example as a program, in an empty folder; return what it printed."""

    def run_example(name, *options, python_path=()):
        command = [sys.executable, str(script(name)), *map(str, options)]
        path = os.pathsep.join(map(str, [*python_path, Path(rnnbp.__file__).parents[1]]))
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stderr.splitlines() if not line.startswith("rnnbp: compiling for this machine")]
        assert said == []  # no warning either
        return done.stdout

    return run_example


@pytest.fixture
def stop(tmp_path, monkeypatch, capsys):
    """Run an example that ends before it works, in this process for speed; return what it said, and its status."""

    def run_example(name, *options):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [str(script(name)), *map(str, options)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script(name)), run_name="__main__")
        said = capsys.readouterr()
        # a text for a status is what Python prints, before it exits with status 1
        is_text = isinstance(end.value.code, str)
        return said.out + said.err + (end.value.code if is_text else ""), 1 if is_text else end.value.code or 0

    return run_example


def script(name):
    return ROOT / "examples" / f"{name}.py"


def numbers(pattern, printed):
    """Return the numbers in a pattern's group, wherever it matches."""
    found = [float(match) for match in re.findall(pattern, printed, re.MULTILINE)]
    assert found, f"nothing like {pattern!r} in:\n{printed}"
    return found


def assert_is_a_picture(path):
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 300
    assert pixels.std() > 0.05


# -- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_says_what_it_is_and_which_options_there_are(stop, name):
    said, status = stop(name, "--help")
    assert status == 0
    assert f"python examples/{name}.py" in said
    for option in ("--seed", "--figure"):
        assert option in said


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("connected_digits", "--max-epochs"),
        ("connected_digits", "--strings"),
        ("fixed_point", "--max-epochs"),
        ("handwritten_digits", "--max-epochs"),
        ("handwritten_digits", "--size"),
        ("iris_backprop", "--iterations"),
        ("scikit_learn_pipeline", "--max-epochs"),
        ("online_learning", "--hidden"),
        ("speech_recognition", "--hidden"),
        ("speech_recognition", "--max-epochs"),
        ("speech_recognition", "--networks"),
        ("speech_recognition", "--order"),
        ("spoken_digits", "--max-epochs"),
        ("static_vs_recurrent", "--max-epochs"),
        ("static_vs_recurrent", "--n-samples"),
        ("static_vs_recurrent", "--seeds"),
        ("train_on_a_cluster", "--max-epochs"),
        ("train_on_a_cluster", "--workers"),
    ],
)
def test_a_number_below_1_is_an_error(stop, name, option):
    said, status = stop(name, option, 0)
    assert status == 2
    assert f"{option} must be at least 1, but 0 was given" in said


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "amplifier"])
def test_a_figure_without_a_folder_is_an_error_before_anything_is_trained(stop, name):
    said, status = stop(name, "--figure", "gone/figure.png")
    assert status == 2
    assert "there is no folder gone to write figure.png to: make it first" in said


@pytest.mark.parametrize(
    ("name", "fetch", "options"),
    [
        ("handwritten_digits", "fetch_mnist", ["--dataset", "mnist"]),
        ("spoken_digits", "fetch_fsdd", ["--dataset", "fsdd"]),
        ("speech_recognition", "fetch_an4", []),
    ],
)
def test_a_download_that_is_impossible_is_said_in_one_line(stop, monkeypatch, name, fetch, options):
    def offline(*_):
        raise ConnectionError("MNIST is not in /data, and could not be fetched: no network")

    monkeypatch.setattr(datasets, fetch, offline)
    said, status = stop(name, *options)
    assert status == 1
    assert said == "error: MNIST is not in /data, and could not be fetched: no network"


@pytest.mark.parametrize(
    ("name", "options"),
    [("iris_backprop", ["--iterations", 100]), ("handwritten_digits", ["--max-epochs", 1])],
)
def test_matplotlib_is_needed_for_figures_only(run, tmp_path, name, options):
    (tmp_path / "without" / "matplotlib").mkdir(parents=True)
    (tmp_path / "without" / "matplotlib" / "__init__.py").write_text("raise ImportError('not installed')")
    assert "accuracy" in run(name, *options, python_path=[tmp_path / "without"])


def test_the_seed_decides(run):
    first, again, other = (run("iris_backprop", "--iterations", 100, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


# -- iris ------------------------------------------------------------------------------------------------------------


def test_iris_is_learnt_step_by_step_and_in_three_lines_alike(run, tmp_path):
    printed = run("iris_backprop", "--figure", "iris.png")
    iterations = numbers(r"iteration +(\d+)", printed)
    errors = numbers(r"error (\d\.\d+)\n", printed)
    assert iterations == list(range(100, 10_001, 100))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.03
    by_hand, by_fit = numbers(r"test flowers +([\d.]+)", printed)
    assert by_hand == by_fit
    assert by_hand >= 0.95
    assert numbers(r"largest difference of the errors ([\d.e-]+)", printed)[0] < 1e-12
    assert_is_a_picture(tmp_path / "iris.png")


# -- handwritten digits ----------------------------------------------------------------------------------------------


def test_handwritten_digits_are_read_and_every_layer_is_shown(run, tmp_path):
    printed = run("handwritten_digits", "--figure", "activations.png")
    assert numbers(r"test accuracy ([\d.]+)", printed)[0] >= 0.96
    assert_is_a_picture(tmp_path / "activations.png")


def test_handwritten_digits_can_be_resized(run):
    printed = run("handwritten_digits", "--size", 5)
    assert "5 x 5 pixels" in printed
    assert numbers(r"test accuracy ([\d.]+)", printed)[0] >= 0.93


def test_ones_own_pictures_are_read(run, tmp_path):
    """They are larger, in colour, anywhere on the page, and dark on light or light on dark."""
    data = load_digits()
    for digit in range(10):
        ink = np.kron(data.images[data.target == digit][3] / 16, np.ones((16, 16)))
        page = np.zeros((200, 300))
        page[20 : 20 + 128, 90 + digit : 218 + digit] = ink
        paper, pen = np.array([0.95, 0.93, 0.85]), np.array([0.1, 0.1, 0.4])
        if digit % 2:
            paper, pen = pen, paper
        imsave(tmp_path / f"{digit}.png", paper + page[..., None] * (pen - paper))
    printed = run("handwritten_digits", "--image", *(f"{digit}.png" for digit in range(10)))
    read = re.findall(r"(\d)\.png: (\d) \(", printed)
    assert len(read) == 10
    assert sum(drawn == recognised for drawn, recognised in read) >= 9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("blank.png", "blank.png: there is nothing to read"),
        ("notes.png", "notes.png is no picture"),
        ("nine.png", "there is no file nine.png"),
    ],
)
def test_a_picture_that_cannot_be_read_is_an_error_before_training(stop, tmp_path, name, message):
    imsave(tmp_path / "blank.png", np.full((50, 50, 3), 0.9))
    (tmp_path / "notes.png").write_text("seven")
    said, status = stop("handwritten_digits", "--image", name)
    assert status != 0
    assert message in said
    assert "accuracy" not in said


@NEEDS_DATA
@pytest.mark.slow
def test_mnist_is_read_after_one_epoch(run):
    printed = run("handwritten_digits", "--dataset", "mnist", "--max-epochs", 1)
    assert numbers(r"test accuracy ([\d.]+)", printed)[0] >= 0.95


# -- learning while streaming ----------------------------------------------------------------------------------------


def test_what_goes_on_learning_forecasts_a_changed_series_and_what_is_frozen_does_not(run, tmp_path):
    printed = run("online_learning", "--frames", 400, "--figure", "online.png")
    rows = {
        name: numbers(rf"^{name} +([\d.]+) ", printed)[:1] + numbers(rf"^{name} .* ([\d.]+)$", printed)
        for name in ("no change", "frozen", "snap1", "rtrl")
    }
    for name in ("frozen", "snap1", "rtrl"):
        assert rows[name][0] < 0.25 * rows["no change"][0]  # before the change
    assert rows["frozen"][1] > rows["no change"][1]  # long after it
    for name in ("snap1", "rtrl"):
        assert rows[name][1] < 0.5 * rows["no change"][1]
    assert_is_a_picture(tmp_path / "online.png")


def test_a_series_too_short_to_learn_from_is_an_error(stop):
    said, status = stop("online_learning", "--frames", 99)
    assert status == 2
    assert "--frames must be at least 100, but 99 was given" in said


# -- spoken digits ---------------------------------------------------------------------------------------------------


def test_spoken_digits_are_recognised_from_voices_never_heard(run, tmp_path):
    printed = run("spoken_digits", "--max-epochs", 4, "--figure", "spoken.png")
    recurrent = numbers(r"recurrent: test accuracy ([\d.]+)", printed)[0]
    static = numbers(r"static: test accuracy ([\d.]+)", printed)[0]
    assert recurrent >= 0.9
    assert static >= 0.85  # of a whole word it understands much, too
    sizes = numbers(r"(\d+) parameters", printed)
    assert max(sizes) <= 1.01 * min(sizes)
    assert_is_a_picture(tmp_path / "spoken.png")

    # and the model that was saved understands wav files, of whatever rate and loudness
    heard = datasets.load_spoken_digits("test")
    names = []
    for i in range(0, len(heard.waves), 24):
        names.append(f"{heard.target_names[heard.target[i]]}_{heard.groups[i]}.wav")
        slower = 2 * heard.sample_rate
        soundfile.write(tmp_path / names[-1], 0.3 * np.repeat(heard.waves[i], 2), slower)
    printed = run("spoken_digits", "--classify", *names)
    pairs = re.findall(r"^(\w+)_[\w-]+\.wav: (\w+) \(", printed, re.MULTILINE)
    assert len(pairs) == len(names)
    assert sum(said == understood for said, understood in pairs) >= 0.8 * len(names)


@NEEDS_DATA
@pytest.mark.slow
def test_real_recordings_are_recognised(run):
    printed = run("spoken_digits", "--dataset", "fsdd", "--max-epochs", 1)
    assert numbers(r"recurrent: test accuracy ([\d.]+)", printed)[0] >= 0.9


def test_leaving_a_speaker_out_needs_the_real_recordings(stop):
    said, status = stop("spoken_digits", "--leave-one-speaker-out")
    assert status == 2
    assert "--leave-one-speaker-out needs --dataset fsdd" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classify", "one.wav"], "there is no model file spoken_digits.rnnbp"),
        (["--classify", "two.wav", "--model", "model.rnnbp"], "two.wav"),
        (["--classify", "notes.wav", "--model", "model.rnnbp"], "notes.wav cannot be read as audio"),
        (["--classify", "one.wav", "--model", "notes.wav"], "notes.wav is no model file"),
    ],
)
def test_classifying_what_cannot_be_read_is_an_error(stop, tmp_path, options, message):
    soundfile.write(tmp_path / "one.wav", np.sin(np.arange(8000.0)), 8000)
    (tmp_path / "notes.wav").write_text("seven")
    net = rnnbp.Network([rnnbp.layers.MeanOverTime(), rnnbp.layers.Dense(40, 2)])
    features = rnnbp.audio.AudioFeatures(8000)
    net.save(tmp_path / "model.rnnbp", metadata={"features": features.settings(), "class_names": ["no", "yes"]})
    said, status = stop("spoken_digits", *options)
    assert status != 0
    assert message in said


# -- scikit-learn -----------------------------------------------------------------------------------------------------


def test_a_folder_of_wave_files_goes_through_a_grid_search(run, tmp_path):
    printed = run("scikit_learn_pipeline", "--max-epochs", 2, "--figure", "pipeline.png")
    assert "1080 recordings of 10 words by 36 speakers" in printed
    assert len(numbers(r"(?:log_mel|mfcc) +[12] +([\d.]+) \+- ", printed)) == 4
    guessing, static, recurrent = (
        numbers(rf"{name} +([\d.]+)", printed)[0] for name in ("guessing", "static", "recurrent, best")
    )
    assert guessing == 0.1
    assert static > 0.6
    assert recurrent > 0.8
    assert_is_a_picture(tmp_path / "pipeline.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folder", "words"], "--folder and --sample-rate belong together"),
        (["--folder", "gone", "--sample-rate", 8000], "there is no folder gone"),
        (["--folder", "words", "--sample-rate", 8000], "words has no subfolders"),
    ],
)
def test_a_folder_that_cannot_be_used_is_an_error(stop, tmp_path, options, message):
    (tmp_path / "words").mkdir()
    said, status = stop("scikit_learn_pipeline", *options)
    assert status != 0
    assert message in said


# -- static against recurrent ----------------------------------------------------------------------------------------


def rows_of_table(printed, name):
    """Return of each network its mean, lowest and highest score, its parameters, and how far its gradient reaches."""
    number = r"([\d.e-]+)"
    line = rf"^{name} +(recurrent|static, \w+) +\w+ {number} +{number} +{number} +(\d+) +[\d.]+(.*)$"
    rows = re.findall(line, printed, re.MULTILINE)
    return {
        kind: (*map(float, scores), int(size), [float(n) for n in norms.split()]) for kind, *scores, size, norms in rows
    }


def test_networks_are_compared_over_seeds(run, tmp_path):
    options = ("--tasks", "handwritten", "spoken", "--max-epochs", 8, "--seeds", 2, "--figure", "comparison.png")
    printed = run("static_vs_recurrent", *options)
    for name, n_static in {"handwritten": 1, "spoken": 3}.items():
        rows = rows_of_table(printed, name)
        assert len(rows) == 1 + n_static
        for mean, low, high, _, norms in rows.values():
            assert 0.5 < low <= mean <= high <= 1
            assert all(norm > 0 for norm in norms)
        assert len(rows["recurrent"][-1]) == 5
    assert rows["recurrent"][0] > rows["static, average"][0] + 0.05  # order in time matters
    assert abs(rows["recurrent"][0] - rows["static, stretched"][0]) < 0.05  # and a vector of all frames has it, too
    in_noise = re.findall(
        r"^(?:handwritten|spoken) +(?:recurrent|static, \w+)((?: +[01]\.\d+){7})$", printed, re.MULTILINE
    )
    assert len(in_noise) == 6
    for line in in_noise:
        accuracies = [float(a) for a in line.split()]
        assert accuracies[0] > accuracies[-1] + 0.05  # 30 dB and 0 dB
    assert_is_a_picture(tmp_path / "comparison.png")


def test_a_word_somewhere_is_found_by_the_recurrent_network_only(run):
    rows = rows_of_table(run("static_vs_recurrent", "--tasks", "somewhere", "--seeds", 1), "somewhere")
    assert rows["recurrent"][0] > rows["static, padded"][0] + 0.1


def test_the_adding_problem_is_solved_by_the_recurrent_network_only(run):
    rows = rows_of_table(run("static_vs_recurrent", "--tasks", "adding", "--seeds", 1), "adding")
    assert rows["recurrent"][0] < 0.002
    assert rows["static, padded"][0] > 0.1


def test_an_unknown_task_is_an_error(stop):
    said, status = stop("static_vs_recurrent", "--tasks", "copying")
    assert status == 2
    assert "invalid choice: 'copying'" in said


# -- fixed point -----------------------------------------------------------------------------------------------------


def test_pictures_are_completed_by_settling(run, tmp_path):
    printed = run("fixed_point", "--max-epochs", 3, "--figure", "fixed_point.png")
    settled = numbers(r"the network, settled +([\d.]+)", printed)[0]
    assert settled < 0.9 * numbers(r"the mean picture +([\d.]+)", printed)[0]
    assert settled < numbers(r"the network after one step +([\d.]+)", printed)[0]
    assert settled < 1.05 * numbers(r"a static network +([\d.]+)", printed)[0]
    assert numbers(r"differs by ([\d.e-]+) from that of backpropagation", printed)[0] < 1e-9
    assert_is_a_picture(tmp_path / "fixed_point.png")


# -- speech ----------------------------------------------------------------------------------------------------------

WORDS_WRONG = r"words wrong ([\d.]+) %"


@pytest.mark.slow
def test_connected_digits_of_new_voices_are_understood_and_timed(run, tmp_path):
    printed = run("connected_digits", "--strings", 300, "--max-epochs", 10, "--figure", "digits.png")
    clean, noisy = numbers(WORDS_WRONG, printed)
    assert clean < 40.0
    assert noisy < 60.0
    assert_is_a_picture(tmp_path / "digits.png")
    data = datasets.load_spoken_digits("test")
    wave = np.concatenate([data.waves[data.target.tolist().index(digit)] for digit in (3, 7)])
    soundfile.write(tmp_path / "mine.wav", wave, data.sample_rate)
    printed = run("connected_digits", "--wav", "mine.wav", "--figure", "mine.png")
    assert re.match(r"mine\.wav:[ a-z]*\n", printed)
    assert_is_a_picture(tmp_path / "mine.png")


def test_connected_digits_are_listened_to_live(run):
    printed = run("connected_digits", "--strings", 60, "--max-epochs", 1, "--live")
    assert re.search(r"^    at the end", printed, re.MULTILINE)


def test_digits_are_written_down_as_they_are_said(run, stop, tmp_path):
    printed = run("live_transcription", "--seed", 4, "--figure", "live.png")
    assert_is_a_picture(tmp_path / "live.png")
    said = re.search(r"what is said: (.*)", printed)[1].split()
    *_, last = re.findall(r"s   (\d*)   \(the end\)", printed)
    assert len(last) == len(said)
    assert numbers(r"real-time factor ([\d.]+)", printed)[0] < 1.0
    data = datasets.load_spoken_digits("test")
    soundfile.write(tmp_path / "mine.wav", data.waves[0], data.sample_rate)
    assert "(the end)" in run("live_transcription", "--wav", "mine.wav", "--wait")
    said, status = stop("live_transcription", "--wav", "none.wav")
    assert (status, "no such file" in said) == (1, True)


def test_the_microphone_needs_a_package_of_its_own(stop):
    if importlib.util.find_spec("sounddevice"):
        pytest.skip("sounddevice is installed")
    said, status = stop("live_transcription", "--microphone")
    assert status == 1
    assert "pip install 'rnnbp[microphone]'" in said


@NEEDS_DATA
def test_speech_recognition_goes_from_an4_to_a_model_that_transcribes_files(run, tmp_path):
    printed = run("speech_recognition", "--quick", "--figure", "speech.png")
    assert len(numbers(WORDS_WRONG, printed)) == 2
    assert "948" not in printed  # the quick way takes few
    assert_is_a_picture(tmp_path / "speech.png")
    heard = datasets.fetch_an4("test")
    soundfile.write(tmp_path / "mine.wav", heard.waves[0], heard.sample_rate)
    assert run("speech_recognition", "--wav", "mine.wav").startswith("mine.wav:")


def test_speech_recognition_learns_from_a_folder_of_ones_own(run, tmp_path):
    data = datasets.load_spoken_digits("test")
    folder = tmp_path / "own"
    folder.mkdir()
    rows = ["file,text,speaker"]
    for i in range(0, 240, 2):
        soundfile.write(folder / f"{i}.wav", data.waves[i], data.sample_rate)
        rows.append(f"{i}.wav,{data.target_names[data.target[i]]},{data.groups[i]}")
    (folder / "texts.csv").write_text("\n".join(rows))
    printed = run("speech_recognition", "--folder", "own", "--quick")
    assert "NINE" in printed or "ZERO" in printed or "100.0 %" in printed


@pytest.mark.parametrize("name", ["connected_digits", "speech_recognition"])
def test_a_recording_without_a_model_is_an_error(stop, name):
    said, status = stop(name, "--wav", "mine.wav")
    assert status == 1
    assert "error: there is no model file" in said


# -- an amplifier ----------------------------------------------------------------------------------------------------


def test_an_amplifier_is_learnt_and_runs_in_c(run, tmp_path):
    short = ("--seconds", 8, "--hidden", 4, "--max-epochs", 3, "--batch-size", 4)
    printed = run("amplifier", *short, "--figure", "amplifier.png")
    [ratio] = numbers(r"test, 1 s: error to signal ([\d.]+)", printed)
    [of_guitar] = numbers(r"in the amplifier's place: ([\d.]+)", printed)
    assert ratio < 0.8 * of_guitar
    assert_is_a_picture(tmp_path / "amplifier.png")
    assert "amplifier_run" in (tmp_path / "amplifier.h").read_text()
    if "the header was not run" not in printed:
        [difference] = numbers(r"in C, at 48 kHz: [\d.]+ times real time, ([\d.e-]+) from", printed)
        assert difference < 1e-5
    dry, rate = soundfile.read(tmp_path / "guitar.wav")
    wet, _ = soundfile.read(tmp_path / "amplifier.wav")
    model, _ = soundfile.read(tmp_path / "model.wav")
    assert dry.shape == wet.shape == model.shape
    assert rate == 44_100


def test_an_amplifier_of_ones_own_is_learnt_from_its_two_ends(run, stop, tmp_path):
    rng = np.random.default_rng(0)
    dry = 0.1 * rng.standard_normal(240_000)
    soundfile.write(tmp_path / "dry.wav", dry, 48_000)
    soundfile.write(tmp_path / "wet.wav", 0.5 * np.tanh(4 * dry), 48_000)
    soundfile.write(tmp_path / "short.wav", dry[:1000], 48_000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([dry, dry], 1), 48_000)
    pair = ("--input", "dry.wav", "--output", "wet.wav")
    assert "times real time" in run("amplifier", *pair, "--hidden", 3, "--max-epochs", 1)
    for output, message in (("short.wav", "one length"), ("stereo.wav", "2 channels"), ("no.wav", "no.wav cannot")):
        said, status = stop("amplifier", "--input", "dry.wav", "--output", output)
        assert status == 1
        assert message in said
    said, status = stop("amplifier", "--input", "dry.wav")
    assert status == 2
    assert "go together" in said

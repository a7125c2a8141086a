"""The command ``rnnbp``: as somebody uses it who writes no Python."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

import rnnbp
from rnnbp import datasets, layers
from rnnbp.command_line import _parser, main
from rnnbp.command_line.progress import EpochBar
from rnnbp.estimators.parts import opened
from rnnbp.preprocessing import SequenceScaler, SlidingWindow

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:feature . of X has a mean of 120"),  # pressure, as it is
]
QUICK = ("--max-epochs", 6, "--hidden", 6)


@pytest.fixture
def rnnbp_command(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; return its exit code, what it printed, and what it said beside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", lambda *args, **kwargs: None)

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def ward(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["patient,hour,pulse,pressure,outcome,ward"]
    for patient in range(40):
        outcome = ("well", "ill")[patient % 2]
        for hour in range(rng.integers(5, 12)):
            pulse = 70 + 20 * (patient % 2) * np.sin(hour) + rng.normal()
            lines.append(f"p{patient},{hour},{pulse:.2f},{120 + rng.normal():.2f},{outcome},w{patient % 5}")
    (tmp_path / "ward.csv").write_text("\n".join(lines))
    return tmp_path / "ward.csv"


@pytest.fixture
def words(tmp_path):
    data = datasets.load_spoken_digits("train")
    for i in range(0, len(data.waves), 9):
        name = data.target_names[data.target[i]]
        if name in ("one", "two", "three"):
            folder = tmp_path / "words" / name
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{i}.wav", data.waves[i], data.sample_rate)
    return tmp_path / "words"


SEQUENCES = ("--sequence", "patient", "--time", "hour")


def test_a_table_of_sequences_is_learnt_and_used(rnnbp_command, ward):
    options = (*SEQUENCES, "--label", "outcome", "--group", "ward", "-o", "ward.rnnbp", "--max-epochs", 40)
    code, printed, _ = rnnbp_command("train", ward, *options)
    assert code == 0
    assert "accuracy of 8 that were held out: 1.0000" in printed
    # columns are found by their names, wherever they stand
    rows = [line.split(",") for line in ward.read_text().splitlines()]
    ward.write_text("\n".join(",".join(reversed(row)) for row in rows))
    code, printed, said = rnnbp_command("predict", "ward.rnnbp", ward, *SEQUENCES)
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0, said
    assert [line["sequence"] for line in lines[:2]] == ["p0", "p1"]
    assert np.mean([line["prediction"] == ("well", "ill")[i % 2] for i, line in enumerate(lines)]) > 0.9
    assert all(0.5 <= line["probability"] <= 1 for line in lines)
    assert all(line["probability"] == round(line["probability"], 6) for line in lines)


def test_rows_are_classified_and_numbers_predicted(rnnbp_command, ward):
    code, printed, _ = rnnbp_command(
        "train", ward, "--label", "pulse", "--features", "pressure", "-o", "a.rnnbp", *QUICK
    )
    assert code == 0
    assert "R^2 of" in printed
    code, printed, _ = rnnbp_command("predict", "a.rnnbp", ward)
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["row"] for line in lines] == list(range(len(ward.read_text().splitlines()) - 1))
    assert all(isinstance(line["prediction"], float) for line in lines)
    code, printed, _ = rnnbp_command(
        "train", ward, "--label", "outcome", "--features", "pulse", "pressure", "-o", "b.rnnbp", "--held-out", 0, *QUICK
    )
    assert code == 0
    assert "held out" not in printed
    assert json.loads(rnnbp_command("predict", "b.rnnbp", ward)[1].splitlines()[0])["prediction"] in ("ill", "well")


def test_numbers_of_any_scale_are_learnt_used_and_exported_in_their_own_units(rnnbp_command, ward, tmp_path):
    head, *rows = ward.read_text().splitlines()
    x = [float(row.split(",")[2]) for row in rows]
    lines = [f"{row},{300 + 50 * (pulse - 70)}" for row, pulse in zip(rows, x, strict=True)]
    ward.write_text("\n".join([f"{head},cost", *lines]))
    options = ("--label", "cost", "--features", "pulse", "--task", "regress", "-o", "a.rnnbp", "--max-epochs", 60)
    code, printed, said = rnnbp_command("train", ward, *options)
    assert code == 0, said
    assert "y has a mean" not in said
    assert float(printed.split()[-1]) > 0.9
    predicted = [json.loads(line)["prediction"] for line in rnnbp_command("predict", "a.rnnbp", ward)[1].splitlines()]
    assert np.corrcoef(predicted, x)[0, 1] > 0.98
    assert np.mean(predicted) == pytest.approx(np.mean([300 + 50 * (pulse - 70) for pulse in x]), rel=0.2)
    assert rnnbp_command("report", "a.rnnbp")[0] == 0
    page = (tmp_path / "a.html").read_text()
    for part in ("Line plot of the loss", "feature_names_in_", "[&#x27;pulse&#x27;]", "held_out_score_"):
        assert part in page
    code, printed, _ = rnnbp_command("inspect", "a.rnnbp")
    for part in ("TransformedTargetRegressor(", "feature_names_in_: ['pulse']", "n_iter_: 60", "held_out_score_: 0.9"):
        assert part in printed
    code, printed, said = rnnbp_command("export", "a.rnnbp", "a.onnx")
    assert code == 0, said
    assert "outputs: 1 predicted, in the units of the labels" in printed
    session = pytest.importorskip("onnxruntime").InferenceSession((tmp_path / "a.onnx").read_bytes())
    (y,) = session.run(None, {"x": np.float32(x)[:, None]})
    np.testing.assert_allclose(y[:, 0], predicted, rtol=1e-4, atol=0.01)
    assert rnnbp_command("export", "a.rnnbp", "a.h")[0] == 0
    assert "input: 0 pulse" in (tmp_path / "a.h").read_text()
    assert rnnbp_command("export", "a.rnnbp", "a.json")[0] == 0


def test_recordings_are_learnt_and_the_model_inspected_reported_and_exported(rnnbp_command, words, tmp_path):
    assert rnnbp_command("train", words, "-o", "words.rnnbp", "--max-epochs", 20, "--hidden", 16)[0] == 0
    files = sorted(words.rglob("*.wav"))
    code, printed, _ = rnnbp_command("predict", "words.rnnbp", *files)
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert np.mean([Path(line["file"]).parent.name == line["prediction"] for line in lines]) > 0.8
    code, printed, _ = rnnbp_command("inspect", "words.rnnbp")
    assert code == 0
    for part in ("AudioFeatures(sample_rate=8000", "classes_: ['one', 'three', 'two']", "GRU(40, 16)", "2,835"):
        assert part in printed
    assert rnnbp_command("report", "words.rnnbp")[0] == 0
    page = (tmp_path / "words.html").read_text()
    for part in ("words.rnnbp", "GRU(40, 16)", "data:image/svg+xml", "0.input_weight"):
        assert part in page
    assert "`" not in page
    code, printed, _ = rnnbp_command("export", "words.rnnbp", "words.h")
    assert code == 0
    assert "words_listen" in (tmp_path / "words.h").read_text()
    assert "input: samples from -1 to 1, 8000 in a second" in printed
    assert "the largest is the class: 0 'one', 1 'three', 2 'two'" in printed
    code, _, said = rnnbp_command("export", "words.rnnbp", "words.onnx")
    assert code == 1
    assert "only a C header computes audio features" in said


def test_speech_is_learnt_from_a_table_of_texts_and_transcribed(rnnbp_command, words, tmp_path):
    rows = [f"{file.relative_to(words)}|{file.parent.name}" for file in sorted(words.rglob("*.wav"))]
    (words / "texts.csv").write_text("file|text\n" + "\n".join(rows))
    code, printed, said = rnnbp_command("train", words, "--texts", "texts.csv", "-o", "speech.rnnbp", *QUICK)
    assert code == 0, said
    assert "one minus the word error rate of" in printed
    file = next(words.rglob("*.wav"))
    code, printed, _ = rnnbp_command("transcribe", "speech.rnnbp", file, file, "--words")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert len(lines) == 2
    assert lines[0].keys() == {"file", "text", "words"}
    assert rnnbp_command("predict", "speech.rnnbp", file)[0] == 0


def test_a_network_alone_is_inspected_and_exported(rnnbp_command, tmp_path):
    net = rnnbp.Network([layers.GRU(3, 4), layers.MeanOverTime(), layers.Dense(4, 2)])
    net.save(tmp_path / "net.rnnbp", metadata={"classes": ["a", "b"]})
    _, printed, _ = rnnbp_command("inspect", "net.rnnbp")
    assert "Network" in printed
    assert '"classes"' in printed
    assert rnnbp_command("export", "net.rnnbp", "net.h", "--dtype", "float64")[0] == 0
    assert "double" in (tmp_path / "net.h").read_text()
    assert rnnbp_command("report", "net.rnnbp", "-o", "page.html")[0] == 0


def test_other_programs_take_networks(rnnbp_command, tmp_path):
    onnx = pytest.importorskip("onnx")
    net = rnnbp.Network([layers.LSTM(3, 4), layers.Dense(4, 2)])
    net.save(tmp_path / "net.rnnbp")
    assert rnnbp_command("export", "net.rnnbp", "net.onnx")[0] == 0
    assert "LSTM" in [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    assert rnnbp_command("export", "net.rnnbp", "net.json")[0] == 0
    assert [layer["type"] for layer in json.loads((tmp_path / "net.json").read_text())["layers"]] == ["lstm", "dense"]


def test_scaled_frames_are_absorbed_in_what_is_exported(rnnbp_command, ward, tmp_path):
    rnnbp_command("train", ward, *SEQUENCES, "--label", "outcome", "--features", "pulse", "-o", "ward.rnnbp", *QUICK)
    code, printed, said = rnnbp_command("export", "ward.rnnbp", "ward.h")
    assert code == 0, said
    assert "input: 0 pulse, in the units of the table" in printed
    assert "ward_step" in (tmp_path / "ward.h").read_text()


def test_scaling_that_float32_cannot_absorb_is_refused_and_float64_takes_it(rnnbp_command, tmp_path):
    x = 1e7 + np.random.default_rng(0).normal(size=(30, 12))
    model = make_pipeline(SequenceScaler(with_std=False), rnnbp.RNNRegressor(4, max_iter=2, random_state=0))
    rnnbp.save(model.fit(x, x.mean(axis=1) - 1e7), tmp_path / "model.rnnbp")
    code, _, said = rnnbp_command("export", "model.rnnbp", "model.h", "--dtype", "float32")
    assert code == 1
    assert "in float32 rounding would change its sums" in said
    assert not (tmp_path / "model.h").exists()
    assert rnnbp_command("export", "model.rnnbp", "model.h", "--dtype", "float64")[0] == 0


def test_labels_of_a_table_stay_the_names_they_are(rnnbp_command, ward, tmp_path):
    text = ward.read_text().replace(",ill,", ",007,").replace(",well,", ",nan,")
    (tmp_path / "Ägypten.csv").write_text(text)
    options = (*SEQUENCES, "--label", "outcome", "--features", "pulse")
    code, _, said = rnnbp_command("train", "Ägypten.csv", *options, "-o", "agents.rnnbp", *QUICK)
    assert code == 0, said
    assert rnnbp.load(tmp_path / "agents.rnnbp").classes_.tolist() == ["007", "nan"]
    code, printed, _ = rnnbp_command("predict", "agents.rnnbp", "Ägypten.csv", *SEQUENCES)
    assert code == 0
    assert '"file": "Ägypten.csv"' in printed
    assert {json.loads(line)["prediction"] for line in printed.splitlines()} <= {"007", "nan"}


@pytest.mark.parametrize("kind", ["estimator", "pipeline"])
@pytest.mark.parametrize("output", ["series.h", "series.onnx", "series.json"])
def test_a_forecaster_is_more_than_its_network_and_is_refused(rnnbp_command, tmp_path, kind, output):
    model = rnnbp.RNNForecaster(4, max_iter=2, difference=True, random_state=0)
    if kind == "pipeline":
        model = make_pipeline(SequenceScaler(), model)
    rnnbp.save(model.fit([np.cumsum(np.sin(np.arange(60.0)))[:, None]]), tmp_path / "series.rnnbp")
    code, _, said = rnnbp_command("export", "series.rnnbp", output)
    assert code == 1
    assert (
        "RNNForecaster is more than its network: it scales each series by its own mean and deviation, takes differ"
        in said
    )
    assert not (tmp_path / output).exists()


def test_a_transcriber_of_sound_is_more_than_its_network_and_is_refused(rnnbp_command, words, tmp_path):
    files = sorted(map(str, words.rglob("*.wav")))[:12]
    model = rnnbp.CTCTranscriber(8000, hidden_layer_sizes=(4,), max_iter=1, random_state=0)
    rnnbp.save(model.fit(files, [Path(file).parent.name for file in files]), tmp_path / "speech.rnnbp")
    code, _, said = rnnbp_command("export", "speech.rnnbp", "speech.onnx")
    assert code == 1
    assert "CTCTranscriber is more than its network: it makes features of sound" in said


def test_onnx_is_float32_unless_asked_and_takes_frames_as_they_are(rnnbp_command, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    onnxruntime.set_default_logger_severity(3)
    rng = np.random.default_rng(0)
    x = [20.0 + 5.0 * rng.normal(size=(n, 2)) for n in (9, 9, 9, 9)]
    model = make_pipeline(SequenceScaler(), rnnbp.RNNRegressor(4, max_iter=2, random_state=0))
    rnnbp.save(model.fit(x, [each.mean() - 20 for each in x]), tmp_path / "model.rnnbp")
    assert model[-1].network_.dtype == np.float64
    assert rnnbp_command("export", "model.rnnbp", "model.onnx")[0] == 0
    session = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    batch = np.stack(x, axis=1).astype(np.float32)
    y, *_ = session.run(None, {"x": batch, "lengths": np.full(4, 9, np.int32)})
    np.testing.assert_allclose(y[:, 0], model.predict(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "COMMAND"),
        (("tain",), 2, "invalid choice: 'tain'"),
        (("inspect", "no.rnnbp"), 1, "there is no model file no.rnnbp"),
        (("inspect", "ward.csv"), 1, "ward.csv is no model file"),
        (("predict", "net.rnnbp", "ward.csv"), 1, "holds a Network, which predicts nothing"),
        (("transcribe", "net.rnnbp", "ward.csv"), 1, "only a CTCTranscriber or a VotingTranscriber"),
        (("train", "ward.csv", "-o", "a.rnnbp"), 2, "--label must name a column"),
        (("train", "ward.csv", "--label", "outcome"), 2, "required: -o/--output"),
        (("train", "no.csv", "-o", "a.rnnbp", "--label", "x"), 1, "there is no file no.csv"),
        (("train", "ward.csv", "-o", "no/a.rnnbp", "--label", "outcome"), 1, "there is no folder no"),
        (("train", "ward.csv", "-o", "a.rnnbp", "--label", "end"), 1, "there is no column 'end' for label"),
        (("train", "ward.csv", "-o", "a.rnnbp", "--label", "outcome"), 1, "not a (finite) number"),
        (
            ("train", "ward.csv", "-o", "a", "--label", "pulse", "--features", "pressure", "--held-out", "2"),
            2,
            "--held-out",
        ),
        (("train", "empty", "-o", "a.rnnbp"), 1, "has no subfolders"),
        (("export", "net.rnnbp", "net.xyz"), 2, "must be .h (C), .onnx"),
        (("export", "net.rnnbp", "no/net.h"), 1, "there is no folder no"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(rnnbp_command, ward, tmp_path, arguments, code, message):
    (tmp_path / "empty").mkdir()
    rnnbp.Network([layers.Dense(2, 2)]).save(tmp_path / "net.rnnbp")
    found, printed, said = rnnbp_command(*arguments)
    assert (found, printed) == (code, "")
    assert message in said
    assert "Traceback" not in said
    assert code == 2 or len(said.splitlines()) == 1
    assert not (tmp_path / "a.rnnbp").exists()


TABLE = ("--label", "outcome", "--features", "pulse", "pressure")


@pytest.fixture
def models(ward, tmp_path):
    """A static and a recurrent model of the ward, which know their columns, and one that knows their number only."""
    data = datasets.read_sequences(
        ward, sequence="patient", time="hour", label="outcome", features=["pulse", "pressure"]
    )
    options = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}
    recurrent = make_pipeline(SequenceScaler(), rnnbp.RNNClassifier(**options)).fit(data.X, data.y)
    rnnbp.save(recurrent, tmp_path / "number.rnnbp")
    recurrent[0].feature_names_in_ = np.array(["pulse", "pressure"], object)
    rnnbp.save(recurrent, tmp_path / "names.rnnbp")
    static = rnnbp.MLPClassifier(**options).fit(scale([x[0] for x in data.X]), data.y)
    static.save(tmp_path / "rows.rnnbp")
    rnnbp.RNNForecaster(3, max_iter=2).fit(np.sin(np.arange(40.0))).save(tmp_path / "forecaster.rnnbp")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--texts", "t.csv"), "--texts does nothing with a table"),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--sample-rate", "8000"), "--sample-rate does nothing"),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--time", "hour"), "--time needs --sequence"),
        (
            ("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--group", "ward", "--held-out", "0"),
            "--group does nothing where nothing is held out",
        ),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "outcome"), "--features names 'outcome', which is the label"),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "pulse"), "--features names 'pulse' twice"),
        (
            ("train", "ward.csv", "-o", "a.rnnbp", "--label", "outcome", "--group", "outcome"),
            "--label and --group name the same column",
        ),
        (("train", "words", "-o", "a.rnnbp", "--label", "x"), "--label does nothing with recordings"),
        (("train", "words", "-o", "a.rnnbp", "--task", "regress"), "--task does nothing with recordings"),
        (("train", "words", "-o", "a.rnnbp", "--texts", "t.csv", "--group", "x"), "--group does nothing with"),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--task", "guess"), "invalid choice: 'guess'"),
        (("predict", "names.rnnbp", "ward.csv"), "--sequence must name the column whose rows belong together"),
        (
            ("predict", "names.rnnbp", "ward.csv", "--sequence", "patient", "--features", "pressure", "pulse"),
            "--features must be what names.rnnbp was trained on, pulse pressure, in this order",
        ),
        (
            ("predict", "number.rnnbp", "ward.csv", "--sequence", "patient", "--features", "pulse"),
            "--features must name 2 columns for number.rnnbp, but 1 were given",
        ),
        (("predict", "rows.rnnbp", "ward.csv", "--sequence", "patient"), "--sequence does nothing here"),
        (("predict", "connected_digits", "ward.csv", "--features", "pulse"), "--features does nothing here"),
        (("export", "number.rnnbp", "net.json", "--dtype", "float32"), "--dtype does nothing with RTNeural"),
        (("export", "number.rnnbp", "net.txt"), "the suffix of net.txt must be .h (C), .onnx or .json (RTNeural)"),
    ],
)
def test_what_is_wrong_with_the_command_has_code_2(rnnbp_command, models, words, tmp_path, arguments, message):
    code, printed, said = rnnbp_command(*arguments)
    assert (code, printed) == (2, "")
    assert message in said
    assert not (tmp_path / "a.rnnbp").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "names.rnnbp", "no.csv", "--sequence", "patient"), "there is no file no.csv"),
        (("predict", "names.rnnbp", "words", "--sequence", "patient"), "words is a folder: name the files in it"),
        (("predict", "forecaster.rnnbp", "ward.csv"), "which goes on with series that it was fitted to"),
        (
            ("predict", "number.rnnbp", "wide.csv", "--sequence", "patient"),
            "takes 2 features, but wide.csv has 3 columns for them, hour, pulse, pressure: say which with --features",
        ),
        (("predict", "names.rnnbp", "words/one/0.wav", "--sequence", "x"), "names.rnnbp takes .csv tables, but words"),
        (
            (
                "train",
                "ward.csv",
                "-o",
                "a.rnnbp",
                "--label",
                "pulse",
                "--features",
                "pressure",
                "--sequence",
                "patient",
            ),
            "learnt by RNNTagger and RNNRegressor, in Python",
        ),
        (("predict", "names.rnnbp", "latin.csv", "--sequence", "patient"), "latin.csv must be text in UTF-8"),
        (("predict", "names.rnnbp", "quotes.csv", "--sequence", "patient"), "quotes.csv cannot be read as a table"),
        (("transcribe", "connected_digit", "ward.csv"), "come with rnnbp are called connected_digits, connected_"),
        (("train", "ward.csv", "-o", "ward.csv", *TABLE), "ward.csv is what is read, and would be overwritten"),
        (("train", "ward.csv", "-o", "link.csv", *TABLE), "link.csv is what is read, and would be overwritten"),
        (("train", "ward.csv", "-o", "words", *TABLE), "words is a folder: name a file in it, such as words"),
        (("train", "words", "-o", "words"), "words is a folder: name a file in it"),
        (("train", "words", "-o", "words/one/0.wav"), "words/one/0.wav is what is read"),
        (("train", "words", "--texts", "texts.csv", "-o", "words/texts.csv"), "words/texts.csv is what is read"),
        (("train", "words", "--texts", "texts.csv", "-o", "words/one/0.wav"), "words/one/0.wav is what is read"),
        (("report", "names.rnnbp", "-o", "names.rnnbp"), "names.rnnbp is what is read"),
        (("report", "names.rnnbp", "-o", "words"), "words is a folder"),
        (("export", "model.h", "model.h"), "model.h is what is read"),
        (("train", "one.csv", "-o", "a.rnnbp", *TABLE), "at least two classes to tell apart, but all labels are ill"),
        (("train", "single", "-o", "a.rnnbp"), "at least two classes to tell apart, but all labels are one"),
        (("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--task", "regress"), "--task regress needs numbers in 'outco"),
        (
            ("train", "one.csv", "-o", "a.rnnbp", "--label", "pulse", "--features", "pressure", "--group", "ward"),
            "--held-out 0.2 of 1 group leaves none to learn from",
        ),
        (
            ("train", "row.csv", "-o", "a.rnnbp", "--label", "pulse", "--features", "pressure"),
            "--held-out 0.2 of 1 example leaves none to learn from",
        ),
        (
            ("train", "ward.csv", "-o", "a.rnnbp", *TABLE, "--held-out", "0.999"),
            "examples leaves none to learn from",
        ),
        (
            ("train", "two.csv", "-o", "a.rnnbp", "--label", "outcome", "--features", "pulse", "--held-out", "0.5"),
            "all labels that are left to learn from are ",
        ),
        (
            ("train", "days.csv", "-o", "a.rnnbp", *TABLE, "--sequence", "patient", "--time", "hour"),
            "line 2 of days.csv: 'hour' is 'Monday', but times must all be numbers, or all dates such as",
        ),
    ],
)
def test_what_is_wrong_with_files_has_code_1(rnnbp_command, ward, models, words, tmp_path, arguments, message):
    header, first, *rest = ward.read_text().splitlines()
    ill = [line.replace(",w1", ",w0") for line in rest if line.startswith("p1,")]
    (tmp_path / "one.csv").write_text("\n".join([header, *ill]))
    (tmp_path / "row.csv").write_text("\n".join([header, first]))
    (tmp_path / "two.csv").write_text("\n".join([header, first, ill[0]]))
    (tmp_path / "days.csv").write_text("\n".join([header, first.replace("p0,0,", "p0,Monday,"), *rest]))
    (tmp_path / "latin.csv").write_bytes("patient,pulse,pressure\nJos\xe9,1,2".encode("latin-1"))
    (tmp_path / "quotes.csv").write_text('patient,pulse,pressure\n"' + "p" * 200_000)
    (tmp_path / "wide.csv").write_text("patient,hour,pulse,pressure\nann,0,70,120\n")
    (tmp_path / "link.csv").hardlink_to(ward)
    (tmp_path / "model.h").write_bytes((tmp_path / "number.rnnbp").read_bytes())
    (tmp_path / "single").mkdir()
    (words / "one").rename(tmp_path / "single" / "one")
    (words / "one").mkdir()
    (words / "one" / "0.wav").write_bytes(next((tmp_path / "single" / "one").iterdir()).read_bytes())
    (words / "texts.csv").write_text("file,text\none/0.wav,one")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, printed, said = rnnbp_command(*arguments)
    assert (code, printed) == (1, "")
    assert message in said
    assert len(said.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_that_cannot_be_written_to_is_refused_before_training(rnnbp_command, ward, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, _, said = rnnbp_command("train", ward, "-o", "a.rnnbp", *TABLE)
    assert code == 1
    assert "nothing may be written in" in said


def test_the_kind_of_task_is_the_users_choice(rnnbp_command, ward, tmp_path):
    for task, kind in (("classify", rnnbp.MLPClassifier), ("regress", rnnbp.MLPRegressor)):
        options = ("--label", "hour", "--features", "pulse", "--task", task, "-o", f"{task}.rnnbp", *QUICK)
        code, printed, said = rnnbp_command("train", ward, *options)
        assert code == 0, said
        assert type(opened(rnnbp.load(tmp_path / f"{task}.rnnbp")).end) is kind
        assert ("accuracy of" in printed) == (task == "classify")
    ward.write_text(ward.read_text().replace("well", "0.5").replace("ill", "1.5"))
    options = ("--label", "outcome", "--features", "pulse", "--task", "classify", "--held-out", 0)
    assert rnnbp_command("train", ward, *options, "-o", "fractions.rnnbp", "--max-epochs", 1)[0] == 0
    assert rnnbp.load(tmp_path / "fractions.rnnbp")[-1].classes_.tolist() == ["0.5", "1.5"]


def test_columns_may_be_called_otherwise_where_a_model_knows_no_names(rnnbp_command, ward, models, tmp_path):
    given = ("ward.csv", "--sequence", "patient", "--time", "hour")
    _, known, _ = rnnbp_command("predict", "names.rnnbp", *given)
    (tmp_path / "other").mkdir()
    ward.write_text(ward.read_text().replace("pulse,pressure", "beat,push"))
    code, printed, said = rnnbp_command("predict", "number.rnnbp", *given, "--features", "beat", "push")
    assert code == 0, said
    assert printed == known


def test_times_are_dates_too(rnnbp_command, ward, tmp_path):
    head, *rows = [line.split(",") for line in ward.read_text().splitlines()]
    rows = [[row[0], f"2024-12-{31 - int(row[1])}", *row[2:]] for row in rows]
    (tmp_path / "days.csv").write_text("\n".join(",".join(row) for row in [head, *rows]))
    options = (*TABLE, "--sequence", "patient", "--time", "hour", "-o", "days.rnnbp", *QUICK)
    assert rnnbp_command("train", "days.csv", *options)[0] == 0


def test_a_score_that_fails_does_not_lose_the_model(rnnbp_command, ward, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("there is no score today")

    monkeypatch.setattr(rnnbp.MLPClassifier, "score", fail)
    code, printed, said = rnnbp_command("train", ward, *TABLE, "-o", "a.rnnbp", *QUICK)
    assert code == 1
    assert "there is no score today" in said
    assert "written to a.rnnbp" in printed
    assert rnnbp_command("predict", "a.rnnbp", ward)[0] == 0


def test_a_model_that_comes_with_rnnbp_has_a_name(rnnbp_command, tmp_path):
    strings = datasets.make_connected_digits(1, "test", longest=4, snr_db=30.0)
    soundfile.write(tmp_path / "number.wav", strings.waves[0], strings.sample_rate)
    code, printed, said = rnnbp_command("transcribe", "connected_digits", "number.wav")
    assert code == 0, said
    assert json.loads(printed) == {"file": "number.wav", "text": strings.text[0]}
    code, printed, _ = rnnbp_command("inspect", "connected_digits")
    assert code == 0
    assert f"CTCTranscriber, {datasets.find_model('connected_digits').stat().st_size:,} bytes" in printed
    assert rnnbp_command("report", "connected_digits")[1] == "written to connected_digits.html\n"


def test_several_transcribers_that_vote_are_used_as_one_is(rnnbp_command, words, tmp_path):
    files = sorted(map(str, words.rglob("*.wav")))[:12]
    model = rnnbp.VotingTranscriber(rnnbp.CTCTranscriber(8000, hidden_layer_sizes=(4,), max_iter=1), 2, random_state=0)
    rnnbp.save(model.fit(files, [Path(file).parent.name for file in files]), tmp_path / "two.rnnbp")
    for command, key in (("transcribe", "text"), ("predict", "prediction")):
        code, printed, said = rnnbp_command(command, "two.rnnbp", files[0])
        assert code == 0, said
        assert json.loads(printed) == {"file": files[0], key: model.predict(files[:1])[0]}
    printed = rnnbp_command("inspect", "two.rnnbp")[1]
    assert "two.rnnbp: VotingTranscriber" in printed
    assert printed.count("LSTM(4, 4, bidirectional=True)") == 2
    rnnbp.save(model.set_params(n_estimators=1).fit(files[:4], ["a", "b", "a", "b"]), tmp_path / "one.rnnbp")
    for name in ("one", "two"):
        code, _, said = rnnbp_command("export", f"{name}.rnnbp", f"{name}.h")
        assert code == 1
    assert "holds a VotingTranscriber, and no single network that could be exported" in said


def test_words_have_their_times_in_milliseconds(rnnbp_command, tmp_path, monkeypatch):
    word = SimpleNamespace(text="six", start=0.12345678, end=1.98765432, confidence=0.87654321)
    monkeypatch.setattr(rnnbp.CTCTranscriber, "predict", lambda model, files: ["six"])
    monkeypatch.setattr(rnnbp.CTCTranscriber, "predict_alignments", lambda model, files: [[word]])
    (tmp_path / "fünf.wav").touch()
    _, printed, _ = rnnbp_command("transcribe", "connected_digits", "fünf.wav", "--words")
    assert '"file": "fünf.wav"' in printed
    assert json.loads(printed)["words"] == [{"text": "six", "start": 0.123, "end": 1.988, "confidence": 0.8765}]


@pytest.mark.parametrize("command", ["transcribe", "predict"])
def test_a_recording_that_cannot_be_read_does_not_lose_the_others(rnnbp_command, tmp_path, command):
    strings = datasets.make_connected_digits(2, "test", longest=4, snr_db=30.0)
    for name, wave in zip(("first.wav", "last.wav"), strings.waves, strict=True):
        soundfile.write(tmp_path / name, wave, strings.sample_rate)
    (tmp_path / "fake.wav").write_text("no sound at all")
    code, printed, said = rnnbp_command(command, "connected_digits", "first.wav", "fake.wav", "last.wav")
    lines = [json.loads(line) for line in printed.splitlines()]
    key = {"transcribe": "text", "predict": "prediction"}[command]
    assert [(line["file"], line[key]) for line in lines] == list(
        zip(("first.wav", "last.wav"), strings.text, strict=True)
    )
    assert code == 1
    bad, total = said.splitlines()
    assert "rnnbp: error: " in bad
    assert "fake.wav" in bad
    assert total == "rnnbp: error: 1 of 3 files could not be used"
    assert "the exit code is 1" in " ".join(rnnbp_command(command, "--help")[1].split())


def test_a_table_that_cannot_be_used_does_not_lose_the_others(rnnbp_command, models, tmp_path):
    (tmp_path / "wide.csv").write_text("patient,hour,pulse\nann,0,70\n")
    given = ("--sequence", "patient", "--time", "hour")
    _, alone, _ = rnnbp_command("predict", "names.rnnbp", "ward.csv", *given)
    code, printed, said = rnnbp_command("predict", "names.rnnbp", "wide.csv", "ward.csv", *given)
    assert (code, printed) == (1, alone)
    assert len(said.splitlines()) == 2
    assert "wide.csv" in said


def test_a_model_s_features_are_those_of_its_table_whatever_windows_make_of_them(rnnbp_command, tmp_path):
    model = make_pipeline(SlidingWindow(3), rnnbp.RNNRegressor((2,), max_iter=1))
    rnnbp.save(model.fit([np.arange(8.0).reshape(4, 2)] * 4, np.arange(4.0)), tmp_path / "model.rnnbp")
    (tmp_path / "wide.csv").write_text("who,a,b,c\nann,0,70,1\n")
    code, _, said = rnnbp_command("predict", "model.rnnbp", "wide.csv", "--sequence", "who")
    assert code == 1
    assert "model.rnnbp takes 2 features, but wide.csv has 3 columns for them" in said
    assert rnnbp_command("predict", "model.rnnbp", "wide.csv", "--sequence", "who", "--features", "a", "c")[0] == 0


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (
            lambda x, y: make_pipeline(SequenceScaler(), rnnbp.RNNClassifier((3,), max_iter=2)).fit(x, y % 3),
            ["input: 2 features", "the largest is the class: 0 0, 1 1, 2 2"],
        ),
        (
            lambda x, y: rnnbp.RNNClassifier((3,), max_iter=2).fit(x, np.where(y % 2, "well", "ill")),
            ["'well' where it is above 0, else 'ill'; 'well' has the probability 1 / (1 + exp(-x))"],
        ),
        (
            lambda x, y: rnnbp.RNNClassifier((3,), max_iter=2).fit(x, np.stack([y % 2, y % 3 > 0], 1)),
            ["one score for each label, which is there where it is above 0: 0 0, 1 1"],
        ),
        (lambda x, y: rnnbp.RNNRegressor((3,), max_iter=2).fit(x, y), ["outputs: 1 predicted, in the units of the la"]),
        (
            lambda x, y: rnnbp.CTCTranscriber(hidden_layer_sizes=(3,), stride=1, width=1, max_iter=1).fit(
                x, ["b" if k % 2 else "a" for k in y]
            ),
            ["0 blank, 1 'a', 2 'b'"],
        ),
        (lambda x, y: rnnbp.Network([layers.Dense(2, 2)]), ["a network alone does not say what they mean"]),
    ],
    ids=["classes", "two classes", "labels", "numbers", "characters", "network"],
)
def test_an_export_says_what_goes_in_and_comes_out(rnnbp_command, tmp_path, made, lines):
    rng = np.random.default_rng(0)
    rnnbp.save(made([rng.normal(size=(4, 2)) for _ in range(12)], np.arange(12)), tmp_path / "net.rnnbp")
    code, printed, said = rnnbp_command("export", "net.rnnbp", "net.onnx")
    assert code == 0, said
    description = pytest.importorskip("onnx").load(tmp_path / "net.onnx").doc_string
    for line in lines:
        assert line in printed
        assert line in description or "a network alone" in line


@pytest.mark.parametrize("name", ["train", "predict", "transcribe", "inspect", "report", "export"])
def test_help_has_an_example(rnnbp_command, name):
    code, printed, _ = rnnbp_command(name, "--help")
    assert code == 0
    end = printed.split("options:")[1]
    n_examples = end.count(f"rnnbp {name} ")
    assert n_examples > 0
    assert f"\nexample{'s' * (n_examples > 1)}:\n" in end
    for exit_code in ("\n  0 ", "\n  1 ", "\n  2 "):
        assert exit_code in printed.split("exit codes:")[1]


def test_help_begins_with_what_the_command_is(rnnbp_command):
    code, printed, _ = rnnbp_command("--help")
    assert code == 0
    assert "without a line of Python" in printed


def test_training_s_defaults_are_those_that_its_help_names(rnnbp_command):
    _, printed, _ = rnnbp_command("train", "--help")
    said = dict(re.findall(r"--([a-z-]+) [A-Z][^-]*?\(default:\s+([0-9.]+)\)", printed))
    given = vars(_parser().parse_args(["train", "data", "-o", "model"]))
    assert {name: float(number) for name, number in said.items()} == {
        "hidden": 64, "max-epochs": 100, "held-out": 0.2, "seed": 0
    }  # fmt: skip
    assert [given["hidden"], given["max_epochs"], given["held_out"], given["seed"]] == [[64], 100, 0.2, 0]
    assert "up to 16000" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("rates", "options", "expected"),
    [
        ((16_000, 22_050), (), 16_000), ((22_050, 44_100), (), 16_000), ((22_050, 8000), (), 8000),
        ((16_000, 22_050), ("--sample-rate", 12_000), 12_000),
    ],
)  # fmt: skip
def test_recordings_are_analysed_at_the_lowest_of_their_rates_up_to_that_of_speech(
    rnnbp_command, tmp_path, rates, options, expected
):
    rng = np.random.default_rng(0)
    for name, rate in zip(("low", "high"), rates, strict=True):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for k in range(3):
            soundfile.write(tmp_path / "sounds" / name / f"{k}.wav", 0.1 * rng.normal(size=rate // 5), rate)
    options = (*options, "--held-out", 0, "--max-epochs", 1, "--hidden", 2)
    code, _, said = rnnbp_command("train", "sounds", "-o", "model.rnnbp", *options)
    assert code == 0, said
    features = rnnbp.load(tmp_path / "model.rnnbp")[0]
    assert (features.sample_rate, features.trim) == (expected, 40.0)


@pytest.mark.parametrize("share", [1, -0.1, 1.5])
def test_a_share_that_cannot_be_held_out_is_refused(rnnbp_command, ward, share):
    code, _, said = rnnbp_command("train", ward, "-o", "a.rnnbp", *TABLE, "--held-out", share)
    assert code == 2
    assert f"--held-out must be at least 0 and below 1, but {float(share)} was given" in said


def test_as_many_are_held_out_as_leave_one_to_learn_from(rnnbp_command, ward):
    head, *rows = ward.read_text().splitlines()
    ward.write_text("\n".join([head, *rows[:4]]))
    options = ("--label", "pulse", "--features", "pressure", *QUICK)
    code, printed, _ = rnnbp_command("train", ward, "-o", "a.rnnbp", *options, "--held-out", 0.75)
    assert code == 0
    assert "trained on 1, and written to a.rnnbp" in printed
    assert "R^2 of 3 that were held out" in printed
    code, _, said = rnnbp_command("train", ward, "-o", "a.rnnbp", *options, "--held-out", 0.76)
    assert code == 1
    assert "--held-out 0.76 of 4 examples leaves none to learn from" in said


def test_a_reader_who_has_had_enough_is_no_error(rnnbp_command, monkeypatch):
    def no_longer_read(given):
        raise BrokenPipeError

    monkeypatch.setattr("rnnbp.command_line.using.inspect", no_longer_read)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert rnnbp_command("inspect", "connected_digits") == (0, "", "")


def test_labels_that_are_whole_numbers_stay_numbers(rnnbp_command, ward, tmp_path):
    options = ("--label", "hour", "--features", "pulse", "-o", "hours.rnnbp", "--max-epochs", 1, "--held-out", 0)
    assert rnnbp_command("train", ward, *options)[0] == 0
    assert rnnbp.load(tmp_path / "hours.rnnbp")[-1].classes_.tolist() == list(range(11))


def test_it_is_a_program():
    path = os.environ | {"PYTHONPATH": str(Path(rnnbp.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "rnnbp", "--version"], capture_output=True, text=True, env=path)
    assert done.stdout.strip() == rnnbp.__version__


def test_decimal_commas_are_numbers_where_they_separate_nothing(rnnbp_command, ward, tmp_path):
    rows = ward.read_text().replace(",", ";").replace(".", ",")
    (tmp_path / "komma.csv").write_text(rows)
    options = ("--label", "pulse", "--features", "pressure", *QUICK)
    code, printed, said = rnnbp_command("train", "komma.csv", *options, "-o", "komma.rnnbp")
    assert code == 0, said
    assert "R^2" in printed
    assert rnnbp_command("train", ward, *options, "-o", "ward.rnnbp")[0] == 0
    points, commas = (
        [json.loads(line)["prediction"] for line in rnnbp_command("predict", *model)[1].splitlines()]
        for model in (("ward.rnnbp", ward), ("komma.rnnbp", "komma.csv"))
    )
    assert len(points) > 100
    assert points == commas


@pytest.mark.parametrize("seen", [True, False])
def test_training_shows_a_progress_bar_on_a_terminal_only(rnnbp_command, ward, tmp_path, monkeypatch, seen):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: seen, raising=False)
    options = ("--label", "pulse", "--features", "pressure", "--max-epochs", 3, "-o", "a.rnnbp")
    code, printed, said = rnnbp_command("train", ward, *options)
    assert code == 0
    assert ("epochs 3/3" in said) == seen
    assert ("loss 0." in said) == seen
    assert "R^2" in printed
    assert opened(rnnbp.load(tmp_path / "a.rnnbp")).end.callbacks == ()


def test_training_that_is_interrupted_writes_nothing(rnnbp_command, ward, tmp_path, monkeypatch):
    (tmp_path / "a.rnnbp").write_text("of before")
    monkeypatch.setattr(EpochBar, "__call__", lambda *given: signal.raise_signal(signal.SIGINT))
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # which pytest-xdist ignores
    try:
        code, _, said = rnnbp_command("train", ward, "-o", tmp_path / "a.rnnbp", *TABLE)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert code == 130
    assert "interrupted: training had not ended, and nothing was written" in said
    assert (tmp_path / "a.rnnbp").read_text() == "of before"


@pytest.mark.parametrize("option", ["--max-epochs", "--hidden", "--sample-rate"])
@pytest.mark.parametrize("given", ["0", "-3", "2.5", "many"])
def test_what_is_no_number_of_something_is_refused_as_an_option(rnnbp_command, ward, option, given):
    code, _, said = rnnbp_command("train", ward, "-o", "a.rnnbp", *TABLE, option, given)
    assert code == 2
    assert f"argument {option}: must be a whole number of at least 1, but {given!r} was given" in said


@pytest.mark.parametrize("given", ["-1", "2.5", "many"])
def test_what_is_no_seed_is_refused_as_an_option(rnnbp_command, ward, given):
    code, _, said = rnnbp_command("train", ward, "-o", "a.rnnbp", *TABLE, "--seed", given)
    assert code == 2
    assert f"argument --seed: must be a whole number of at least 0, but {given!r} was given" in said

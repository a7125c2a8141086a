"""The command ``rnnbp``: as somebody uses it who writes no Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import rnnbp
from rnnbp import datasets, layers
from rnnbp.command_line import main

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
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
    assert rnnbp_command("export", "words.rnnbp", "words.h")[0] == 0
    assert "words_listen" in (tmp_path / "words.h").read_text()
    code, _, said = rnnbp_command("export", "words.rnnbp", "words.onnx")
    assert code == 1
    assert "only a C header, .h, computes audio features" in said


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
    code, _, said = rnnbp_command("export", "ward.rnnbp", "ward.h")
    assert code == 0, said
    assert "ward_step" in (tmp_path / "ward.h").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "COMMAND"),
        (("tain",), 2, "invalid choice: 'tain'"),
        (("inspect", "no.rnnbp"), 1, "there is no model file no.rnnbp"),
        (("inspect", "ward.csv"), 1, "ward.csv is no model file"),
        (("predict", "net.rnnbp", "ward.csv"), 1, "holds a Network, which predicts nothing"),
        (("transcribe", "net.rnnbp", "ward.csv"), 1, "only a CTCTranscriber"),
        (("train", "ward.csv", "-o", "a.rnnbp"), 2, "--label must name a column"),
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
        (("export", "net.rnnbp", "net.xyz"), 1, "must be .h (C), .onnx"),
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


@pytest.mark.parametrize("name", ["train", "predict", "transcribe", "inspect", "report", "export"])
def test_help_has_an_example(rnnbp_command, name):
    code, printed, _ = rnnbp_command(name, "--help")
    assert code == 0
    assert f"rnnbp {name} " in printed.split("options:")[1]


def test_it_is_a_program():
    path = os.environ | {"PYTHONPATH": str(Path(rnnbp.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-m", "rnnbp", "--version"], capture_output=True, text=True, env=path)
    assert done.stdout.strip() == rnnbp.__version__

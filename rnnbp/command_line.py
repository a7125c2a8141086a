"""The command ``rnnbp``: a model trained, used, looked at and exported without a line of Python.

It is thin: each command is a call or two of the library, and what it says on errors is what the library says. Exit
codes are 0, 1 for what is wrong with files and data, 2 for what is wrong with the command, and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from rnnbp.networks.network import Network

__all__ = ["main"]

HIGHEST_RATE = 16_000  # Hz, of speech that is analysed
EXAMPLES = """\
examples:
  rnnbp train ward.csv --sequence patient --time hour --label outcome --group ward -o ward.rnnbp
  rnnbp train my_words/ -o words.rnnbp                 # my_words/yes/1.wav, my_words/no/1.wav, ...
  rnnbp train my_sentences/ --texts texts.csv -o speech.rnnbp
  rnnbp predict words.rnnbp new/*.wav
  rnnbp transcribe speech.rnnbp memo.wav --words
  rnnbp inspect words.rnnbp
  rnnbp report words.rnnbp -o words.html
  rnnbp export words.rnnbp words.h
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; `arguments` are those of the process, unless given. Return the exit code."""
    given = _parser().parse_args(arguments)
    warnings.showwarning = _show
    try:
        command: Callable[[argparse.Namespace], None] = given.command
        command(given)
    except KeyboardInterrupt:
        print("rnnbp: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads the output has had enough
        sys.stderr.close()
        return 0
    except FileNotFoundError as error:
        missing = f"there is no file {error.filename}" if error.filename else str(error)
        print(f"rnnbp: error: {missing}", file=sys.stderr)
        return 1
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        print(f"rnnbp: error: {error}", file=sys.stderr)
        return 1
    return 0


def _show(message: Warning | str, *where: Any, **more: Any) -> None:
    """Print a warning without the line of the library that it comes from."""
    print(f"rnnbp: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    from rnnbp import __version__

    formats = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(prog="rnnbp", description=__doc__.split("\n")[0], epilog=EXAMPLES, **formats)  # type: ignore[arg-type]
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        shown = [line for line in EXAMPLES.splitlines() if f"rnnbp {name}" in line]
        epilog = "\n".join(["example:" if len(shown) == 1 else "examples:", *shown]) if shown else None
        made = commands.add_parser(name, help=text.split(";")[0], description=text, epilog=epilog, **formats)  # type: ignore[arg-type]
        made.set_defaults(command=run)
        return made

    train = command(
        "train", _train, "train a model; of a table, of recordings in a folder for each class, or with texts"
    )
    train.add_argument("data", type=Path, help="a .csv file, or a folder of recordings")
    train.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where the model is written")
    train.add_argument("--label", metavar="COLUMN", help="what is to be predicted, of a table")
    _columns(train)
    train.add_argument("--group", metavar="COLUMN", help="what belongs together and is held out together")
    train.add_argument("--texts", metavar="FILE", help="a table of file and text in the folder: speech is transcribed")
    train.add_argument("--sample-rate", type=int, metavar="HZ", help=f"default: the files', up to {HIGHEST_RATE}")
    train.add_argument("--hidden", type=int, nargs="+", default=[64], metavar="N", help="units a layer (default: 64)")
    train.add_argument("--max-epochs", type=int, default=100, metavar="N", help="(default: %(default)s)")
    train.add_argument("--held-out", type=float, default=0.2, metavar="SHARE", help="to test on (default: %(default)s)")
    train.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")

    predict = command("predict", _predict, "use a model on files; a line of JSON for each prediction")
    predict.add_argument("model", type=Path)
    predict.add_argument("files", type=Path, nargs="+", help="recordings, or .csv files")
    _columns(predict)

    transcribe = command("transcribe", _transcribe, "write down what is said in recordings; a line of JSON for each")
    transcribe.add_argument("model", type=Path)
    transcribe.add_argument("files", type=Path, nargs="+")
    transcribe.add_argument("--words", action="store_true", help="with the times and confidences of words")

    inspect = command("inspect", _inspect, "say what is in a model file")
    inspect.add_argument("model", type=Path)

    report = command("report", _report, "write what is known of a model as one HTML page")
    report.add_argument("model", type=Path)
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the model's name with .html")

    export = command("export", _export, "write a model for other programs; what the suffix says")
    export.add_argument("model", type=Path)
    export.add_argument("output", type=Path, help="model.h is a C header, model.onnx for ONNX, model.json for RTNeural")
    export.add_argument(
        "--dtype", choices=["float32", "float64"], help="default: the model's for C, and float32 for ONNX"
    )
    return parser


def _columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", metavar="COLUMN", help="which sequence a row of the table belongs to")
    parser.add_argument("--time", metavar="COLUMN", help="what rows of a sequence are sorted by")
    parser.add_argument("--features", nargs="+", metavar="COLUMN", help="default: all columns without another part")


# -- train -------------------------------------------------------------------------------------------------------------


class _Task(NamedTuple):
    """An unfitted model, and what it is to learn."""

    model: Any
    x: Any
    y: Any
    groups: Any = None
    names: Sequence[str] = ()


def _train(given: argparse.Namespace) -> None:
    import rnnbp

    _check_folder(given.output)
    learn = _of_table if not given.data.is_dir() else _of_texts if given.texts else _of_folder
    task = learn(given)
    train, test = _divided(task, given.held_out, given.seed)
    task.model.fit(_chosen(task.x, train), _chosen(task.y, train))
    if len(test):
        score = task.model.score(_chosen(task.x, test), _chosen(task.y, test))
        print(f"{_score_name(task.model)} of {len(test)} that were held out: {score:.4f}")
    if task.names:
        task.model[0].feature_names_in_ = np.array(task.names, object)
    rnnbp.save(task.model, given.output)
    print(f"trained on {len(train)}, and written to {given.output}")


def _of_table(given: argparse.Namespace) -> _Task:
    """Learn from a table: its rows, or its sequences."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import rnnbp
    from rnnbp.preprocessing import SequenceScaler

    if given.label is None:
        raise ValueError(f"--label must name a column of {given.data}: what is to be predicted")
    table = _read_table(given.data, given)
    options = {"hidden_layer_sizes": tuple(given.hidden), "max_iter": given.max_epochs, "random_state": given.seed}
    numbers = table.y.dtype.kind == "f"
    if given.sequence is None:
        static = (rnnbp.MLPRegressor if numbers else rnnbp.MLPClassifier)(**options)
        model, x = make_pipeline(StandardScaler(), static), np.concatenate(table.X)
    else:
        recurrent = (rnnbp.RNNRegressor if numbers else rnnbp.RNNClassifier)(**options)
        model, x = make_pipeline(SequenceScaler(), recurrent), table.X
    return _Task(model, x, table.y, table.groups, table.feature_names)


def _of_folder(given: argparse.Namespace) -> _Task:
    """Learn from recordings, in a folder for each class."""
    from sklearn.pipeline import make_pipeline

    import rnnbp
    from rnnbp import audio, datasets

    files, classes = datasets.find_recordings(given.data)
    estimator = rnnbp.RNNClassifier(tuple(given.hidden), max_iter=given.max_epochs, random_state=given.seed)
    rate = given.sample_rate or min(HIGHEST_RATE, *(_rate(file) for file in files))
    return _Task(make_pipeline(audio.AudioFeatures(rate, trim=40.0), estimator), files, classes)


def _of_texts(given: argparse.Namespace) -> _Task:
    """Learn to transcribe."""
    import rnnbp
    from rnnbp import datasets

    spoken = datasets.load_transcribed_folder(given.data, sample_rate=given.sample_rate, table=given.texts)
    model = rnnbp.CTCTranscriber(
        spoken.sample_rate, hidden_layer_sizes=tuple(given.hidden), max_iter=given.max_epochs, random_state=given.seed
    )
    return _Task(model, spoken.waves, spoken.text, spoken.speaker)


def _rate(file: Path) -> int:
    import soundfile

    from rnnbp.audio import AudioError

    try:
        return int(soundfile.info(file).samplerate)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{file} cannot be read: {error}") from None


def _divided(task: _Task, share: float, seed: int) -> tuple[Any, Any]:
    """Return which examples are learnt from, and which are held out."""
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    n = len(task.y)
    if not 0 <= share < 1:
        raise ValueError(f"--held-out must be at least 0 and below 1, but {share} was given")
    if share == 0:
        return np.arange(n), np.arange(0)
    split = ShuffleSplit if task.groups is None else GroupShuffleSplit
    train, test = next(split(1, test_size=share, random_state=seed).split(np.zeros(n), groups=task.groups))
    return train, test


def _chosen(data: Any, index: Any) -> Any:
    return data[index] if isinstance(data, np.ndarray) else [data[i] for i in index]


def _score_name(model: Any) -> str:
    from sklearn.base import is_classifier

    from rnnbp import CTCTranscriber

    if isinstance(model, CTCTranscriber):
        return "one minus the word error rate"
    return "accuracy" if is_classifier(model) else "R^2"


def _read_table(path: Path, given: argparse.Namespace, features: Sequence[str] | None = None) -> Any:
    """Return a table's sequences; without a column for them, each row is one."""
    from rnnbp import datasets

    return datasets.read_sequences(
        path,
        sequence=given.sequence,
        time=given.time,
        features=given.features or features,
        label=getattr(given, "label", None),
        group=getattr(given, "group", None),
    )


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")


# -- use ---------------------------------------------------------------------------------------------------------------


def _predict(given: argparse.Namespace) -> None:
    model = _load(given.model)
    if not hasattr(model, "predict"):
        raise TypeError(f"{given.model} holds a {type(model).__name__}, which predicts nothing")
    if _hears(model):
        _print_predictions(model, [str(file) for file in given.files], [{"file": str(file)} for file in given.files])
        return
    for file in given.files:
        table = _read_table(
            file, given, getattr(model[0] if hasattr(model, "steps") else model, "feature_names_in_", None)
        )
        if given.sequence is None:
            x, kind, names = np.concatenate(table.X), "row", range(len(table.X))
        else:
            x, kind, names = table.X, "sequence", table.ids
        _print_predictions(model, x, [{"file": str(file), kind: _plain(name)} for name in names])


def _print_predictions(model: Any, x: Any, sources: Sequence[dict[str, Any]]) -> None:
    """Print a line of JSON for each example."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")  # they have been compared
        predicted = model.predict(x)
        p = model.predict_proba(x) if hasattr(model, "predict_proba") and hasattr(model, "classes_") else None
    for i, (source, value) in enumerate(zip(sources, predicted, strict=True)):
        line = source | {"prediction": _plain(value)}
        if p is not None and np.ndim(p[i]) == 1:
            line["probability"] = round(float(np.max(p[i])), 6)
        print(json.dumps(line, ensure_ascii=False))


def _transcribe(given: argparse.Namespace) -> None:
    from rnnbp import CTCTranscriber

    model = _load(given.model)
    if not isinstance(model, CTCTranscriber):
        raise TypeError(f"{given.model} holds a {type(model).__name__}: only a CTCTranscriber writes down what is said")
    files = [str(file) for file in given.files]
    for file, text in zip(files, model.predict(files), strict=True):
        line: dict[str, Any] = {"file": file, "text": text}
        if given.words:
            line["words"] = [
                {
                    "text": word.text,
                    "start": round(word.start, 3),
                    "end": round(word.end, 3),
                    "confidence": round(word.confidence, 4),
                }
                for word in model.predict_alignments([file])[0]
            ]
        print(json.dumps(line, ensure_ascii=False))


def _inspect(given: argparse.Namespace) -> None:
    model = _load(given.model)
    net = _network(model)
    print(f"{given.model}: {type(model).__name__}, {given.model.stat().st_size:,} bytes")
    if net is not model:
        print(f"\n{model!r}")
    for name in ("classes_", "alphabet_", "feature_names_in_", "n_iter_", "loss_"):
        if (value := getattr(model, name, None)) is not None:
            print(f"{name}: {_plain(value)}")
    if net is not None:
        print(f"\n{net.summary()}")
        if net.metadata and net is model:
            print(f"\nmetadata: {json.dumps(net.metadata, ensure_ascii=False, indent=2, default=str)}")


def _report(given: argparse.Namespace) -> None:
    from rnnbp.plotting.report import model_page

    output = given.output or given.model.with_suffix(".html")
    _check_folder(output)
    model = _load(given.model)
    model_page.save(model, _network(model), output, title=str(given.model))
    print(f"written to {output}")


def _export(given: argparse.Namespace) -> None:
    from sklearn.preprocessing import StandardScaler

    from rnnbp.audio import AudioFeatures
    from rnnbp.interop import InteropError, c, onnx, rtneural
    from rnnbp.interop.scaling import absorbed
    from rnnbp.preprocessing import SequenceScaler

    _check_folder(given.output)
    suffix = given.output.suffix
    if suffix not in (".h", ".onnx", ".json"):
        raise ValueError(f"the suffix of {given.output} must be .h (C), .onnx or .json (RTNeural)")
    model = _load(given.model)
    net = _network(model)
    if net is None:
        raise TypeError(f"{given.model} holds a {type(model).__name__}, and no network that could be exported")
    *before, end = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    if does := _more_than_its_network(end):
        raise InteropError(
            f"{given.model} holds a {type(end).__name__}, which {does}: its network alone would compute something "
            f"else. Export `.network_` in Python, and do the rest in your own code"
        )
    features = before.pop(0) if before and isinstance(before[0], AudioFeatures) else None
    if features is not None and suffix != ".h":
        raise InteropError(f"{given.output} cannot hold {features!r}: only a C header, .h, computes audio features")
    dtype = given.dtype or ("float32" if suffix == ".onnx" else net.dtype.name)
    for step in reversed(before):
        if not isinstance(step, (SequenceScaler, StandardScaler)):
            raise InteropError(f"{given.model} has a step before its network that no export can hold: {step!r}")
        n = net.n_inputs or 0
        mean, scale = step.mean_ if step.with_mean else np.zeros(n), step.scale_ if step.with_std else np.ones(n)
        net = absorbed(net, mean, scale, dtype=dtype)
    if suffix == ".h":
        c.export(net, given.output, dtype=dtype, features=features)
    elif suffix == ".onnx":
        onnx.export(net, given.output, dtype=dtype)
    else:
        rtneural.export(net, given.output)
    print(f"written to {given.output}")


def _more_than_its_network(model: Any) -> str:
    """Say what a model computes before its network, which is no step of its own; empty if that is nothing."""
    from rnnbp import CTCTranscriber, RNNForecaster

    if isinstance(model, RNNForecaster):
        differences = ", takes differences of its steps" if model.differenced_ else ""
        return f"scales each series by its own mean and deviation{differences}, and adds up what it predicts"
    if isinstance(model, CTCTranscriber) and model.sample_rate is not None:
        return "makes features of sound, normalised over what it has heard"
    return ""


# -- what they share ---------------------------------------------------------------------------------------------------


def _load(path: Path) -> Any:
    import rnnbp

    return rnnbp.load(path)


def _network(model: Any) -> Network | None:
    """Return the network of whatever was loaded; None if it has none."""
    from rnnbp.networks.network import Network

    end = model.steps[-1][1] if hasattr(model, "steps") else model
    return end if isinstance(end, Network) else getattr(end, "network_", None)


def _hears(model: Any) -> bool:
    """Return whether a model takes recordings."""
    from rnnbp.audio import AudioFeatures

    first = model.steps[0][1] if hasattr(model, "steps") else model
    return isinstance(first, AudioFeatures) or getattr(first, "sample_rate", None) is not None


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value

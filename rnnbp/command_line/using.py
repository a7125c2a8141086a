"""What is done with a model that has been trained: predictions, texts, pages, other forms.

Options and files are checked before a model is loaded, and nothing is printed or written of one that does not fit. Of
several files, each is answered as it comes, and those that cannot be used are named among the errors.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnbp.command_line.tables import (
    UsageError,
    check_inputs,
    check_output,
    columns_compared,
    find,
    first_part,
    last_part,
    load,
    named,
    network_of,
    networks_of,
    read_table,
    refuse,
)

__all__ = ["export", "inspect", "predict", "report", "transcribe"]


RECORDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus")


def predict(given: argparse.Namespace) -> None:
    """Print what a model makes of files."""
    from rnnbp import RNNForecaster

    check_inputs(given.files)
    model = load(given.model)
    held = named(last_part(model))
    if not hasattr(model, "predict"):
        raise TypeError(f"{given.model} holds {held}, which predicts nothing")
    if isinstance(last_part(model), RNNForecaster):
        raise TypeError(f"{given.model} holds {held}, which goes on with series that it was fitted to: use Python")
    if _hears(model):
        refuse(given, ["sequence", "time", "features"], f"here, as {given.model} takes recordings")
        _one_by_one(given.files, lambda file: _print_predictions(model, [str(file)], [{"file": str(file)}]))
        return
    if heard := [file for file in given.files if file.suffix.lower() in RECORDINGS]:
        raise ValueError(f"{given.model} takes .csv tables, but {heard[0]} is a recording")
    recurrent = any(net.is_recurrent for net in networks_of(model))
    if recurrent and given.sequence is None:
        raise UsageError(f"--sequence must name the column whose rows belong together, as {given.model} holds {held}")
    if not recurrent:
        refuse(given, ["sequence", "time"], f"here, as {given.model} holds {held}, which takes rows one by one")
    features = _features(model, given)

    def predict_table(file: Path) -> None:
        table = read_table(file, given, features)
        if len(table.feature_names) != (n := _n_features(model)):
            raise ValueError(
                f"{given.model} takes {n} features, but {file} has {len(table.feature_names)} columns for them, "
                f"{', '.join(table.feature_names)}: say which with --features"
            )
        x = table.X if recurrent else np.concatenate(table.X)
        kind, names = ("sequence", table.ids) if recurrent else ("row", range(len(table.X)))
        _print_predictions(model, x, [{"file": str(file), kind: _plain(name)} for name in names])

    _one_by_one(given.files, predict_table)


def _one_by_one(files: Sequence[Path], use: Callable[[Path], None]) -> None:
    """Use each file; of several, one that cannot be used is named, and does not keep the others from it.

    Raises
    ------
    ValueError
        In the end, if there were such files.
    """
    n_bad = 0
    for file in files:
        try:
            use(file)
        except (UsageError, BrokenPipeError):
            raise
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            if len(files) == 1:
                raise
            n_bad += 1
            where = "" if str(file) in str(error) else f"{file}: "
            print(f"rnnbp: error: {where}{error}", file=sys.stderr)
    if n_bad:
        raise ValueError(f"{n_bad} of {len(files)} files could not be used")


def _features(model: Any, given: argparse.Namespace) -> list[str] | None:
    """Return the columns that a model takes, in their order; None if it does not know them and none were given."""
    known = getattr(first_part(model), "feature_names_in_", None)
    if given.features is None:
        return None if known is None else [str(name) for name in known]
    if known is not None and list(known) != given.features:
        raise UsageError(
            f"--features must be what {given.model} was trained on, {' '.join(map(str, known))}, in this order, but "
            f"{' '.join(given.features)} was given: leave it out"
        )
    if known is None and len(given.features) != (n := _n_features(model)):
        raise UsageError(f"--features must name {n} columns for {given.model}, but {len(given.features)} were given")
    return list(given.features)


def _n_features(model: Any) -> int:
    first = first_part(model)
    return int(getattr(first, "_width", getattr(first, "n_features_in_", None)) or network_of(model).n_inputs)  # type: ignore[union-attr, arg-type]


def _print_predictions(model: Any, x: Any, sources: Sequence[dict[str, Any]]) -> None:
    """Print a line of JSON for each example."""
    with columns_compared():
        predicted = model.predict(x)
        p = model.predict_proba(x) if hasattr(model, "predict_proba") and hasattr(model, "classes_") else None
    for i, (source, value) in enumerate(zip(sources, predicted, strict=True)):
        line = source | {"prediction": _plain(value)}
        if p is not None and np.ndim(p[i]) == 1:
            line["probability"] = round(float(np.max(p[i])), 6)
        print(json.dumps(line, ensure_ascii=False))


def transcribe(given: argparse.Namespace) -> None:
    """Print what is said in recordings."""
    from rnnbp import CTCTranscriber, VotingTranscriber

    check_inputs(given.files)
    model = load(given.model)
    if not isinstance(model, CTCTranscriber | VotingTranscriber):
        raise TypeError(
            f"{given.model} holds {named(model)}: only a CTCTranscriber or a VotingTranscriber writes down what is said"
        )

    def write_down(path: Path) -> None:
        file = str(path)
        line: dict[str, Any] = {"file": file, "text": model.predict([file])[0]}
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

    _one_by_one(given.files, write_down)


def inspect(given: argparse.Namespace) -> None:
    """Print what is in a model file."""
    from rnnbp.estimators.parts import opened

    model = load(given.model)
    net = network_of(model)
    print(f"{given.model}: {type(model).__name__}, {find(given.model).stat().st_size:,} bytes")
    if net is not model:
        print(f"\n{model!r}")
    for name, value in opened(model).learnt.items():
        print(f"{name}: {_plain(value)}")
    for each in networks_of(model):
        print(f"\n{each.summary()}")
    if net is model and net.metadata:
        print(f"\nmetadata: {json.dumps(net.metadata, ensure_ascii=False, indent=2, default=str)}")


def report(given: argparse.Namespace) -> None:
    """Write a page on a model."""
    from rnnbp.plotting.report import model_page

    output = given.output or Path(f"{given.model.with_suffix('')}.html")
    check_output(output, [given.model])
    model = load(given.model)
    model_page.save(model, network_of(model), output, title=str(given.model))
    print(f"written to {output}")


def export(given: argparse.Namespace) -> None:
    """Write a model for another program, and say what goes in and comes out there."""
    from rnnbp.interop import c, onnx, rtneural
    from rnnbp.interop.errors import InteropError
    from rnnbp.interop.whole import whole

    suffix = given.output.suffix
    if suffix not in (".h", ".onnx", ".json"):
        raise UsageError(f"the suffix of {given.output} must be .h (C), .onnx or .json (RTNeural)")
    if suffix == ".json":
        refuse(given, ["dtype"], "with RTNeural, whose numbers are text")
    check_output(given.output, [given.model])
    model = load(given.model)
    if network_of(model) is None:
        raise TypeError(f"{given.model} holds {named(model)}, and no single network that could be exported")
    if suffix == ".h":
        c.export(model, given.output, dtype=given.dtype)
    elif suffix == ".onnx":
        onnx.export(model, given.output, dtype=given.dtype or "float32")
    else:
        net, features, _ = whole(model)
        if features is not None:
            raise InteropError(f"RTNeural cannot hold {features!r}: only a C header computes audio features")
        rtneural.export(net, given.output)
    print(f"written to {given.output}")
    for line in whole(model, dtype=given.dtype).notes:
        print(line)


def _hears(model: Any) -> bool:
    """Return whether a model takes recordings."""
    return getattr(first_part(model), "sample_rate", None) is not None


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value

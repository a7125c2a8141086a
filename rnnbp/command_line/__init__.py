"""The command ``rnnbp``: a model trained, used, looked at and exported without a line of Python.

It is thin: each command is a call or two of the library, and what it says on errors is what the library says. Here are
its options; `training` and `using` have what the commands do, `tables` what they share.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rnnbp.command_line import training, using
from rnnbp.command_line.tables import UsageError
from rnnbp.configuration import shown, whole_number

__all__ = ["main"]

EXAMPLES = """\
examples:
  rnnbp train ward.csv --sequence patient --time hour --label outcome --group ward -o ward.rnnbp
  rnnbp train iris.csv --label species -o iris.rnnbp   # without --sequence, each row is an example
  rnnbp train my_words/ -o words.rnnbp                 # my_words/yes/1.wav, my_words/no/1.wav, ...
  rnnbp train my_sentences/ --texts texts.csv -o speech.rnnbp
  rnnbp predict words.rnnbp new/*.wav
  rnnbp predict ward.rnnbp new.csv --sequence patient --time hour
  rnnbp transcribe speech.rnnbp memo.wav --words
  rnnbp transcribe connected_digits number.wav         # a model that comes with rnnbp
  rnnbp inspect words.rnnbp
  rnnbp report words.rnnbp -o words.html
  rnnbp export words.rnnbp words.h
"""
CODES = """
exit codes:
  0    it is done
  1    something is wrong with the files, or with what is in them
  2    something is wrong with the command: an option that is missing, unknown, or does nothing here
  130  it was interrupted with Ctrl-C
"""
GO_ON = ". All must be there; one that cannot be used is an error, the others are answered, and the exit code is 1"
MODEL = "a model file, or the name of a model that comes with rnnbp, such as connected_digits"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; `arguments` are those of the process, unless given. Return the exit code."""
    given = _parser().parse_args(arguments)
    warnings.showwarning = _show
    try:
        command: Callable[[argparse.Namespace], None] = given.command
        command(given)
    except KeyboardInterrupt as interruption:
        return _say(": ".join(["interrupted", *map(str, interruption.args)]), 130)
    except BrokenPipeError:  # who reads the output has had enough
        sys.stderr.close()
        return 0
    except UsageError as error:
        return _say(f"error: {error} (rnnbp {given.name} --help says more)", 2)
    except FileNotFoundError as error:
        return _say(f"error: {f'there is no file {error.filename}' if error.filename else error}", 1)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
        return _say(f"error: {error}", 1)
    return 0


def _say(text: str, code: int) -> int:
    print(f"rnnbp: {text}", file=sys.stderr)
    return code


def _show(message: Warning | str, *where: Any, **more: Any) -> None:
    """Print a warning without the line of the library that it comes from."""
    print(f"rnnbp: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    from rnnbp import __version__

    formats = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(
        prog="rnnbp",
        description=(__doc__ or "").split("\n")[0],
        epilog=EXAMPLES + CODES,
        **formats,  # type: ignore[arg-type]
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        lines = [line for line in EXAMPLES.splitlines() if f"rnnbp {name} " in line]
        epilog = "\n".join(["example:" if len(lines) == 1 else "examples:", *lines, CODES])
        made = commands.add_parser(name, help=text.split(";")[0], description=text, epilog=epilog, **formats)  # type: ignore[arg-type]
        made.set_defaults(command=run, name=name)
        return made

    train = command(
        "train", training.train, "train a model; of a table, of recordings in a folder for each class, or with texts"
    )
    train.add_argument("data", type=Path, help="a .csv file, or a folder of recordings")
    train.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where the model is written")
    train.add_argument("--label", metavar="COLUMN", help="what is to be predicted, of a table")
    train.add_argument(
        "--task", choices=["classify", "regress"], help="default: regress where labels are fractions, of a table"
    )
    _columns(train)
    train.add_argument("--group", metavar="COLUMN", help="what belongs together and is held out together, of a table")
    train.add_argument("--texts", metavar="FILE", help="a table of file and text in the folder: speech is transcribed")
    train.add_argument(
        "--sample-rate",
        type=_count,
        metavar="HZ",
        help=f"of recordings (default: the files', up to {training.HIGHEST_RATE})",
    )
    train.add_argument(
        "--hidden", type=_count, nargs="+", default=[64], metavar="N", help="units a layer (default: 64)"
    )
    train.add_argument("--max-epochs", type=_count, default=100, metavar="N", help="(default: %(default)s)")
    train.add_argument("--held-out", type=float, default=0.2, metavar="SHARE", help="to test on (default: %(default)s)")
    train.add_argument("--seed", type=partial(_count, least=0), default=0, help="(default: %(default)s)")

    predict = command("predict", using.predict, f"use a model on files; a line of JSON for each prediction{GO_ON}")
    predict.add_argument("model", type=Path, help=MODEL)
    predict.add_argument("files", type=Path, nargs="+", help="recordings, or .csv files")
    _columns(predict)

    transcribe = command(
        "transcribe", using.transcribe, f"write down what is said in recordings; a line of JSON for each{GO_ON}"
    )
    transcribe.add_argument("model", type=Path, help=MODEL)
    transcribe.add_argument("files", type=Path, nargs="+", help="recordings")
    transcribe.add_argument("--words", action="store_true", help="with the times and confidences of words")

    inspect = command("inspect", using.inspect, "say what is in a model file")
    inspect.add_argument("model", type=Path, help=MODEL)

    report = command("report", using.report, "write what is known of a model as one HTML page")
    report.add_argument("model", type=Path, help=MODEL)
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: the model's name with .html")

    export = command("export", using.export, "write a model for other programs; the suffix says for which")
    export.add_argument("model", type=Path, help=MODEL)
    export.add_argument("output", type=Path, help="model.h is a C header, model.onnx for ONNX, model.json for RTNeural")
    export.add_argument(
        "--dtype", choices=["float32", "float64"], help="default: the model's for C, and float32 for ONNX"
    )
    return parser


def _count(text: str, least: int = 1) -> int:
    """Return a number of the command line that must be at least so large."""
    try:
        return whole_number("it", int(text), least=least)
    except ValueError:
        expected = f"must be a whole number of at least {least}"
        raise argparse.ArgumentTypeError(f"{expected}, but {shown(text)} was given") from None


def _columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sequence", metavar="COLUMN", help="which sequence a row of the table belongs to")
    parser.add_argument(
        "--time", metavar="COLUMN", help="what rows of a sequence are sorted by: numbers, or dates as 2024-12-31 12:00"
    )
    parser.add_argument("--features", nargs="+", metavar="COLUMN", help="default: all columns without another part")

"""Shows the scripts of ``examples/`` in the gallery: with what they print and draw, if they are short.

sphinx-gallery runs a script as its reader would, but needs a title over it, and finds pictures in memory only, where
these scripts write theirs into the file that ``--figure`` names. So copies with a title are made, and the written
pictures are picked up.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst

WRITTEN = Path(tempfile.gettempdir()) / "rnnbp_site"
FOLDER = "/tmp"  # as pages call it
HEADER = """Scripts
=======

The scripts of ``examples/``, as they are in the repository. Each is a program with a command line: ``--help`` says what
it takes. Those that take long are shown and not run here, or run with smaller settings, which their pages name.
"""


@dataclass(frozen=True)
class Script:
    """How a script is shown."""

    title: str
    arguments: str | None = ""
    """What it is run with, beside ``--figure``; None if it is not run."""
    draws: bool = True


SCRIPTS = {
    "iris_backprop": Script("Backpropagation, step by step"),
    "handwritten_digits": Script("Handwritten digits"),
    "fixed_point": Script("Pictures completed by settling"),
    "custom_cell": Script("A cell of one's own", draws=False),
    "spoken_digits": Script("Spoken digits", "--max-epochs 4 --model {folder}/spoken_digits.rnnbp"),
    "scikit_learn_pipeline": Script("Wave files through a scikit-learn pipeline", "--max-epochs 2"),
    "static_vs_recurrent": Script("Static against recurrent", "--tasks handwritten spoken --max-epochs 8"),
    "online_learning": Script("Learning while streaming", "--frames 500"),
    "live_transcription": Script("Live transcription"),
    "connected_digits": Script("Connected digits", None),
    "speech_recognition": Script("Speech recognition", None),
    "train_on_a_cluster": Script("Training on a cluster", "--max-epochs 3"),
    "amplifier": Script("A guitar amplifier", "--seconds 8 --hidden 8 --max-epochs 4 --folder {folder}"),
}
RUN = (
    r"(^|[/\\])(?!("
    + "|".join(name for name, script in SCRIPTS.items() if script.arguments is None)
    + r")\.py)[^/\\]+\.py$"
)


def write(examples: Path, folder: Path) -> None:
    """Write a copy of each script, with a title, into this folder."""
    found = {path.stem: path for path in examples.glob("*.py")}
    if missing := found.keys() ^ SCRIPTS.keys():
        raise ValueError(f"docs/scripts.py must list each script of examples/, but they differ in {sorted(missing)}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "GALLERY_HEADER.rst").write_text(HEADER)
    for name, script in SCRIPTS.items():
        (folder / f"{name}.py").write_text(_with_title(found[name].read_text(), name, script))


def _with_title(text: str, name: str, script: Script) -> str:
    docstring = ast.parse(text).body[0]
    lines = text.splitlines()
    said = "\n".join(lines[docstring.lineno - 1 : docstring.end_lineno]).strip('"')
    said = re.sub(r"(?<!:):\n\n(?= {4})", "::\n\n", said)  # what is indented is laid out as it is to be read
    said = re.sub(r"(?<=[^:])\n\n(?= {4}python )", "\n\n::\n\n", said)
    if script.arguments is None:
        how = "It takes minutes, so it is shown here and was not run."
    else:
        arguments = script.arguments.replace("{folder}", FOLDER)
        how = f"Run here by ``{f'python examples/{name}.py {arguments}'.strip()}``."
    head = f'r"""\n{script.title}\n{"=" * len(script.title)}\n\n{said.strip()}\n\n{how}\n"""'
    return "\n".join([head, *lines[docstring.end_lineno :], ""])


class Arguments:
    """The command line with which sphinx-gallery runs a script."""

    def __call__(self, gallery_conf: dict, script_vars: dict) -> list[str]:
        """Return the arguments; nothing for the gallery's own programs."""
        name = Path(script_vars["src_file"]).stem
        script = SCRIPTS.get(name)
        if script is None or "_scripts" not in Path(script_vars["src_file"]).parts or script.arguments is None:
            return []
        WRITTEN.mkdir(exist_ok=True)
        figure = ["--figure", str(WRITTEN / f"{name}.png")] if script.draws else []
        return [*script.arguments.replace("{folder}", str(WRITTEN)).split(), *figure]

    def __repr__(self) -> str:
        return "Arguments()"


class WrittenPictures:
    """Finds the pictures that a script has written."""

    def __call__(self, block: tuple, block_vars: dict, gallery_conf: dict) -> str:
        """Move what was written to where the page's pictures are, and return the text that shows it."""
        paths = []
        for picture in sorted(WRITTEN.glob("*.png")):
            path = next(block_vars["image_path_iterator"])
            shutil.move(picture, path)
            paths.append(path)
        return figure_rst(paths, gallery_conf["src_dir"])

    def __repr__(self) -> str:
        return "WrittenPictures()"

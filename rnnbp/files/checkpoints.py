"""Checkpoints: all that a training run needs to go on where it stopped, in one file.

The file is plain data (safetensors and JSON; see `rnnbp.files.model_file`). It is replaced in one step, so that whoever
kills the run leaves the old one or the new one; and it holds a hash of all that is in it, and a description of the run
that it belongs to, so that neither damage nor another run's file can go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number, whole_number
from rnnbp.files import model_file

__all__ = ["Checkpoint", "CheckpointError"]

Array = NDArray[Any]


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on from, and why: it is damaged, or belongs to another run."""


class Checkpoint:
    """Where, and how often, a training run is written down.

    A run that finds its checkpoint goes on from there; at the end the file holds the finished run.

    Parameters
    ----------
    path : path-like
        The file. Its directory must exist.
    every_seconds : float or None, default 30
        Written after an update or epoch if so many seconds have passed; 0 stands for every update, None for never.
    every_epochs : int or None, default None
        Written after so many epochs too.

    Raises
    ------
    ValueError
        If there is no such directory, or a number is out of its range.

    Examples
    --------
    >>> Checkpoint("run.ckpt", every_seconds=600)
    Checkpoint('run.ckpt', every_seconds=600.0, every_epochs=None)
    """

    def __init__(
        self, path: str | PathLike[str], *, every_seconds: float | None = 30.0, every_epochs: int | None = None
    ) -> None:
        self.path = Path(path)
        self.every_seconds = None if every_seconds is None else number("every_seconds", every_seconds, "[0, inf)")
        self.every_epochs = None if every_epochs is None else whole_number("every_epochs", every_epochs)
        if not self.path.parent.is_dir():
            raise ValueError(f"the checkpoint {self.path} cannot be written: there is no directory {self.path.parent}")
        if self.path.is_dir():
            raise ValueError(f"the checkpoint {self.path} cannot be written: it is a directory")

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every_seconds={self.every_seconds}, every_epochs={self.every_epochs})"

    def begin(self, run: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]] | None:
        """Begin to count the seconds, and return the arrays and values to go on from, or None if there is no file.

        Parameters
        ----------
        run : mapping
            The description of the run, as JSON holds it.

        Raises
        ------
        CheckpointError
            If the file is damaged or no checkpoint, or if its run is another; says what differs.
        """
        self._run = run
        found = self._read()
        for leftover in self.path.parent.glob(f".{self.path.name}.*.part"):  # of a run that was killed as it wrote
            leftover.unlink(missing_ok=True)
        self._wait()
        return found

    def _wait(self) -> None:
        self._due = math.inf if self.every_seconds is None else time.monotonic() + self.every_seconds

    def is_due(self, *, epochs: int | None = None) -> bool:
        """Whether it is time to write, after an update or after so many epochs."""
        counted = epochs is not None and self.every_epochs is not None and epochs % self.every_epochs == 0
        return counted or time.monotonic() >= self._due

    def write(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Write where the run stands, in one atomic step."""
        text = json.dumps({"values": values, "run": self._run})
        model_file.write(self.path, arrays, {"checkpoint": text, "sha256": _digest(text, arrays)})
        self._wait()

    def _read(self) -> tuple[dict[str, Array], dict[str, Any]] | None:
        if not self.path.exists():
            return None
        try:
            arrays, description = model_file.read(self.path)
        except model_file.ModelFileError as error:
            raise CheckpointError(f"no run can go on from {self.path}: {error}") from error
        if "checkpoint" not in description:
            raise CheckpointError(f"{self.path} is no checkpoint; is it a saved network?")
        text = str(description["checkpoint"])
        if _digest(text, arrays) != description.get("sha256"):
            raise CheckpointError(f"{self.path} is damaged: what it holds does not match its own hash")
        written = json.loads(text)
        if differing := _differences(written["run"], self._run, ""):
            raise CheckpointError(
                f"{self.path} belongs to another run: {'; '.join(differing[:5])}. Go on as that run began, or choose "
                "another path (or remove the file) to begin anew"
            )
        return arrays, written["values"]


def _digest(text: str, arrays: Mapping[str, Array]) -> str:
    content = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.size}".encode())
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()


def _differences(before: Any, now: Any, name: str) -> list[str]:
    """Say where two descriptions differ, down to the single setting."""
    if isinstance(before, dict) and isinstance(now, dict) and before.get("class") == now.get("class"):
        found = []
        for key in before | now:
            found += _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        return found
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [d for i, (b, n) in enumerate(zip(before, now, strict=True)) for d in _differences(b, n, f"{name}[{i}]")]
    if before == now:
        return []
    if all(isinstance(value, str) and len(value) == 64 for value in (before, now)):
        return [f"the content of {name} has changed"]
    return [f"{name} is now {_shown(now)}, but was {_shown(before)}"]


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "class" in value:
        return str(value["class"])
    return json.dumps(value)

"""Checkpoints: all that a training run needs to go on where it stopped, in one file.

The file is plain data (safetensors and JSON; see `rnnbp.files.model_file`). It is replaced in one step, so that whoever
kills the run leaves the old one or the new one; and it holds a hash of all that is in it, and a description of the run
that it belongs to, so that neither damage nor another run's file can go unnoticed. A disk that is full for a while
costs no work: it is said, and tried again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import number, shown, whole_number
from rnnbp.configuration import path as check_path
from rnnbp.files import model_file, strict_json
from rnnbp.names import explained_class
from rnnbp.warning import warn

__all__ = ["Checkpoint", "CheckpointError"]

Array = NDArray[Any]


logger = logging.getLogger("rnnbp")

SHOWN = 100  # characters of a value that differs
FIRST = 2.0  # seconds after which a run is written for the first time, if it is written by the clock


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why: it is damaged, belongs to another run, or cannot be written.

    See Also
    --------
    Checkpoint
    rnnbp.fit

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "run.checkpoint")
    ...     _ = path.write_text("damaged")
    ...     try:
    ...         rnnbp.fit(
    ...             rnnbp.Network([layers.Dense(1, 1)]), [[1.0]], [1.0], loss="mean_squared_error", checkpoint=path
    ...         )
    ...     except CheckpointError:
    ...         print("refused")
    refused
    """


@explained_class
class Checkpoint:
    """Where, and how often, a training run is written down.

    A run that finds its checkpoint goes on from there. It is written as training begins, so that a file that cannot be
    written is noticed before any work is done, and whenever it is due; at the end it holds the finished run.

    Parameters
    ----------
    path : path-like
        The file. Its directory must exist.
    every_seconds : float or None, default 30
        Written after an update or epoch if so many seconds have passed, for the first time after two; 0 stands for
        every update, None for never.
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
        self.path = check_path("checkpoint", path)
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
        self._last: float | None = None
        self._failing = False
        found = self._read()
        self._wait(FIRST)
        return found

    def _wait(self, at_most: float = math.inf) -> None:
        seconds = math.inf if self.every_seconds is None else min(self.every_seconds, at_most)
        self._due = time.monotonic() + seconds

    def is_due(self, *, epochs: int | None = None) -> bool:
        """Whether it is time to write, after an update or after so many epochs."""
        counted = epochs is not None and self.every_epochs is not None and epochs % self.every_epochs == 0
        return counted or time.monotonic() >= self._due

    def write(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Write where the run stands, in one atomic step.

        Raises
        ------
        OSError
            If the file cannot be written; names it.
        """
        text = json.dumps({"values": values, "run": self._run}, default=np.ndarray.tolist)
        model_file.write(self.path, arrays, {"checkpoint": text})
        self._last = time.monotonic()
        self._wait()

    def write_first(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Write where the run stands as training begins.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        try:
            self.write(arrays, values)
        except OSError as error:
            raise CheckpointError(f"the checkpoint cannot be written, so training has not begun: {error}") from error
        self._wait(FIRST)

    def attempt(self, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
        """Write where the run stands; if that cannot be done now, say so, and let the run go on.

        Warns
        -----
        RuntimeWarning
            If the file cannot be written, and could be the time before; what was written last stays.
        """
        try:
            self.write(arrays, values)
        except OSError as error:
            self._wait()
            if not self._failing:
                message = f"the checkpoint cannot be written: {error}. Training goes on, and will try again"
                warn(message, RuntimeWarning)
            self._failing = True
        else:
            if self._failing:
                logger.warning("the checkpoint %s can be written again, and has been", self.path)
            self._failing = False

    def stands(self) -> str:
        """Say what the file holds, and how to go on from it."""
        if self._last is None:
            return f"{self.path} has not been written"
        seconds = time.monotonic() - self._last
        return f"{self.path} was written {seconds:.0f} s ago: the same call, with this checkpoint, goes on from there"

    def _read(self) -> tuple[dict[str, Array], dict[str, Any]] | None:
        if not self.path.exists():
            return None
        try:
            with model_file.opened(self.path) as file:
                arrays, description, version = file.read(), file.description, file.version
        except (FileNotFoundError, model_file.ModelFileError) as error:
            raise CheckpointError(f"no run can go on from {self.path}: {error}") from error
        text = description.get("checkpoint")
        if not isinstance(text, str):
            raise CheckpointError(f"{self.path} is no checkpoint; is it a saved network?")
        if version == 1 and _digest(text, arrays) != description.get("sha256"):
            raise CheckpointError(f"{self.path} is damaged: what it holds does not match its own hash")
        try:
            written = strict_json.loads(text, finite=False)
        except ValueError as error:
            raise CheckpointError(f"{self.path} is damaged: {error}") from error
        values, run = (written.get("values"), written.get("run")) if isinstance(written, dict) else (None, None)
        if not isinstance(values, dict) or not isinstance(run, dict):
            raise CheckpointError(f"{self.path} is damaged: it does not say which run it belongs to, and how far it is")
        if differing := _differences(run, self._run, ""):
            if values.get("began") is False:  # there is no work in it
                return None
            raise CheckpointError(
                f"{self.path} belongs to another run: {'; '.join(differing[:5])}. Go on as that run began, or choose "
                "another path (or remove the file) to begin anew"
            )
        return arrays, values


def _digest(text: str, arrays: Mapping[str, Array]) -> str:
    """Return the hash that checkpoints of format 1 hold."""
    content = hashlib.sha256(text.encode(errors="surrogatepass"))
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.size}".encode(errors="surrogatepass"))
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
    name = name[:SHOWN]
    if all(isinstance(value, str) and len(value) == 64 for value in (before, now)):
        return [f"the content of {name} has changed"]
    return [f"{name} is now {_shown(now)}, but was {_shown(before)}"]


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "class" in value:
        return shown(value["class"])[:SHOWN].strip("'")
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."

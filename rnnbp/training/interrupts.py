"""Ctrl-C and SIGTERM, held back until a run can be written down.

A signal may come in the middle of an update, when some of the parameters are new and some old: what is written then
could not be gone on from. So a signal is remembered, the update is finished, the run is written, and then happens what
would have happened: `KeyboardInterrupt`, the end of the process, or whatever handler there was. A second signal does
not wait.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import TracebackType
from typing import Any, Self

from rnnbp.files.checkpoints import Checkpoint

__all__ = ["Interrupts"]

logger = logging.getLogger("rnnbp")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Holds signals back, as long as the context lasts.

    Only the main thread is sent signals; elsewhere, and of signals that are ignored, nothing is held back.

    Parameters
    ----------
    held : bool, default True
        Whether they are. Without, nothing is changed.

    Attributes
    ----------
    pending : int or None
        The signal that has come.
    """

    def __init__(self, *, held: bool = True) -> None:
        self.pending: int | None = None
        self._held = held
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if self._held and threading.current_thread() is threading.main_thread():
            self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()
        if not isinstance(error, KeyboardInterrupt):
            self.deliver()

    def deliver(self, checkpoint: Checkpoint | None = None) -> None:
        """Let happen what was held back; returns if a handler of the user's own has returned."""
        number, self.pending = self.pending, None
        if number is None:
            return
        if number == signal.SIGTERM and checkpoint is not None:  # of a KeyboardInterrupt `fit` tells
            logger.warning("the process was asked to end (SIGTERM); %s", checkpoint.stands())
        held = bool(self._handlers)
        self._give_back()
        signal.raise_signal(number)
        if held:
            self._take()

    def _take(self) -> None:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:  # None is one that Python does not see
                self._handlers[number] = handler
                signal.signal(number, self._hold)

    def _give_back(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _hold(self, number: int, frame: object) -> None:
        if self.pending is not None:
            self._give_back()
            self.pending = None
            signal.raise_signal(number)
            return
        self.pending = number

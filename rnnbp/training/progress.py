"""What a user sees of a training that runs: a progress bar on a terminal, and a line for each epoch in the log.

The log is the standard library's, under the name "rnnbp", at level INFO: silent until ``logging`` is configured.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rnnbp.progress_bar import progress_bar
from rnnbp.training.history import History

__all__ = ["ProgressBar"]

logger = logging.getLogger("rnnbp")


class ProgressBar:
    """The progress of one training run; a context manager.

    Parameters
    ----------
    max_epochs : int
    n_rows : int
        Examples or frames in an epoch.
    shown : bool or None
        Whether there is a bar; None shows it on a terminal only.
    done : int, default 0
        Epochs that were done before, in the run that is resumed.

    Attributes
    ----------
    advance : callable
        To be told how many rows have been trained on.
    """

    def __init__(self, max_epochs: int, n_rows: int, shown: bool | None, *, done: int = 0) -> None:
        self._max_epochs = max_epochs
        self._bar: Any = None
        self.advance: Callable[[int], object] = _ignore
        if shown is None:
            shown = sys.stderr is not None and sys.stderr.isatty()
        if shown:
            self._bar = progress_bar(
                desc=self._epoch(done + 1),
                total=max_epochs * n_rows,
                initial=done * n_rows,
                bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
                disable=False,
            )
            self.advance = self._bar.update

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def end_epoch(self, history: History) -> None:
        """Show and log how the last epoch went."""
        figures = {"loss": history.loss, "validation": history.validation_loss, "score": history.validation_score}
        shown = {name: f"{values[-1]:.4g}" for name, values in figures.items() if values}
        if self._bar is not None:
            self._bar.set_description_str(self._epoch(len(history) + 1), refresh=False)
            self._bar.set_postfix(shown)
        if logger.isEnabledFor(logging.INFO):
            logger.info(
                "%s: %s, learning rate %.3g, %.3g s",
                self._epoch(len(history)),
                ", ".join(f"{name} {value}" for name, value in shown.items()),
                history.learning_rate[-1],
                history.seconds[-1],
            )

    def _epoch(self, number: int) -> str:
        return f"epoch {min(number, self._max_epochs)}/{self._max_epochs}"


def _ignore(n_rows: int) -> None:
    """Be told, and show nothing."""

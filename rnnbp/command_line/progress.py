"""A progress bar of an estimator's training, as `rnnbp.fit` shows one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rnnbp.progress_bar import progress_bar

if TYPE_CHECKING:
    from rnnbp import History
    from rnnbp.networks.network import Network

__all__ = ["EpochBar"]


class EpochBar:
    """A callback that goes on by one each epoch; a context manager. It is seen on a terminal only.

    Parameters
    ----------
    max_epochs : int
    """

    def __init__(self, max_epochs: int) -> None:
        self._bar = progress_bar(
            total=max_epochs, desc="epochs", bar_format="{desc} {n}/{total} |{bar}| {elapsed}{postfix}", disable=None
        )

    def __call__(self, net: Network, history: History) -> None:
        """Show how the last epoch went."""
        self._bar.set_postfix_str(f"loss {history.loss[-1]:.4g}", refresh=False)
        self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __sklearn_clone__(self) -> Self:
        return self  # a clone of the estimator is what is fitted

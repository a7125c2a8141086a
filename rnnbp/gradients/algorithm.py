"""What a gradient algorithm is: a way through the steps of a recurrence, forwards and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from numpy.typing import NDArray

from rnnbp.configuration import Configurable
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["GradientAlgorithm"]

Array = NDArray[Any]


class GradientAlgorithm(Configurable, ABC):
    """An algorithm that runs a recurrence and contracts its linearisation with a gradient of its outputs.

    Attributes
    ----------
    needs_time : bool
        Whether it takes sequences only; if not, a static example is a sequence of one step.
    """

    needs_time: ClassVar[bool] = True

    @abstractmethod
    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> tuple[Array, Variables]:
        """Run the recurrence.

        Parameters
        ----------
        recurrence : Recurrence
        workspace : Workspace
            Where activations go.
        keep : bool
            Whether `backward` will follow.

        Returns
        -------
        output : ndarray of shape (n_rows, width)
            Packed like ``recurrence.x``; valid until the workspace is used again.
        final : dict of str to ndarray of shape (B, width)
            The states after each sequence's last step.
        """

    @abstractmethod
    def backward(
        self,
        recurrence: Recurrence,
        workspace: Workspace,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Pull a gradient back through what `forward` has just run; once.

        Parameters
        ----------
        recurrence, workspace
            Those of `forward`.
        dy : ndarray of shape (n_rows, width)
            dL/d(output).
        d_final : mapping of str to ndarray of shape (B, width)
            dL/d(final states); those missing are zero.
        gradients : mapping of str to ndarray
            Where the parameters' gradients are written.
        input_gradient : bool
            Whether dL/dx is wanted.

        Returns
        -------
        dx : ndarray of shape (n_rows, I) or None
        d_initial : dict of str to ndarray of shape (B, width)
            dL/d(initial states).
        """

"""What a gradient algorithm is: a way through the steps of a recurrence, forwards and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from rnnbp.configuration import Configurable
from rnnbp.data.workspace import Workspace
from rnnbp.gradients.recurrence import Recurrence, Variables

__all__ = ["GradientAlgorithm", "Run"]

Array = NDArray[Any]


@dataclass(eq=False)
class Run:
    """One run of a recurrence forwards, and what its way back needs; algorithms add to it.

    Attributes
    ----------
    recurrence : Recurrence
    workspace : Workspace
        Where its activations are.
    output : ndarray of shape (n_rows, width)
        Packed like ``recurrence.x``; valid until the workspace is used again.
    final : dict of str to ndarray of shape (B, width)
        The states after each sequence's last step.
    """

    recurrence: Recurrence
    workspace: Workspace
    output: Array
    final: Variables


class GradientAlgorithm(Configurable, ABC):
    """An algorithm that runs a recurrence and contracts its linearisation with a gradient of its outputs.

    Attributes
    ----------
    needs_time : bool
        Whether it takes sequences only; if not, a static example is a sequence of one step.

    See Also
    --------
    BPTT
    RTRL

    Examples
    --------
    One that backpropagates noise beside the gradient, to see how much of it training stands:

    >>> import numpy as np
    >>> from rnnbp import Network, layers
    >>> from rnnbp.gradients import BPTT
    >>> class Noisy(BPTT):
    ...     def backward(self, run, dy, d_final, gradients, *, input_gradient, add=False):
    ...         noise = 0.01 * np.random.default_rng(0).normal(size=dy.shape).astype(dy.dtype)
    ...         return super().backward(run, dy + noise, d_final, gradients, input_gradient=input_gradient, add=add)
    >>> Network([layers.GRU(1, 4, gradient=Noisy())]).forward(np.zeros((3, 2, 1))).shape
    (3, 2, 4)
    """

    needs_time: ClassVar[bool] = True

    @abstractmethod
    def forward(self, recurrence: Recurrence, workspace: Workspace, *, keep: bool) -> Run:
        """Run the recurrence.

        Parameters
        ----------
        recurrence : Recurrence
        workspace : Workspace
            Where activations may go.
        keep : bool
            Whether `backward` will follow.
        """

    @abstractmethod
    def backward(
        self,
        run: Any,
        dy: Array,
        d_final: Mapping[str, Array],
        gradients: Mapping[str, Array],
        *,
        input_gradient: bool,
    ) -> tuple[Array | None, Variables]:
        """Propagate a gradient back through a run that `forward` has returned; once.

        Parameters
        ----------
        run : Run
            As the algorithm's own `forward` makes it.
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

    def check_scheduled_sampling(self) -> None:
        """Check that a teacher's values may be given for some of the rows only.

        Raises
        ------
        ValueError
            If this algorithm takes them for all rows or none.
        """
        raise ValueError(f"scheduled sampling needs gradient=gradients.BPTT(), but the layer has {self!r}")

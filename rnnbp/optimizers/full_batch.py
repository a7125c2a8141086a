r"""What a full-batch optimizer is: one that evaluates the loss of all the data as often as it likes.

It finds its own steps by line search, so it has no learning rate, and asks for the loss and the gradient
at points of its choice, which minibatches would make noise of. ``theta`` never moves: each point is
written into it before the function is called, so the function may ignore its argument and evaluate the
network that ``theta`` belongs to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from rnnbp.configuration import Configurable
from rnnbp.optimizers.base import Array

__all__ = ["FullBatchOptimizer", "Function", "Iterate", "Result", "SumOfSquares"]

Function = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Iterate:
    """Where a full-batch optimizer stands after an iteration.

    Attributes
    ----------
    iteration : int
        Iterations done.
    loss, gradient_norm : float
        At ``theta``; the norm is Euclidean.
    evaluations : int
        Calls of the function so far.

    See Also
    --------
    Result

    Examples
    --------
    >>> Iterate(iteration=3, loss=0.5, gradient_norm=0.1, evaluations=4).loss
    0.5
    """

    iteration: int
    loss: float
    gradient_norm: float
    evaluations: int


@dataclass(frozen=True)
class Result(Iterate):
    """How a minimisation ended.

    Attributes
    ----------
    converged : bool
        Whether a tolerance was reached, rather than ``max_iter`` or the callback's word.
    message : str
        Why it ended.

    See Also
    --------
    Iterate

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.optimizers import LBFGS
    >>> result = LBFGS().minimize(lambda theta: (float(theta[0] ** 2), 2 * theta), np.array([3.0]), max_iter=100)
    >>> result.converged
    True
    """

    converged: bool
    message: str


@runtime_checkable
class SumOfSquares(Protocol):
    """A loss that is a sum of squared residuals, each a function of ``theta``.

    Attributes
    ----------
    n_residuals : int
        Of how many of them the Jacobian is held in memory at a time.

    See Also
    --------
    LevenbergMarquardt

    Examples
    --------
    `rnnbp.fit` makes one of a network, its data and a `SquaredLoss`:

    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers, optimizers
    >>> net = rnnbp.Network([layers.Dense(1, 1)], dtype="float64")
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> marquardt = optimizers.LevenbergMarquardt()
    >>> history = rnnbp.fit(net, x, 2 * x + 1, loss="mean_squared_error", optimizer=marquardt, max_epochs=20)
    >>> print(net.theta.round(3))
    [2. 1.]
    """

    n_residuals: int

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """Return the loss and its gradient, as any `Function` does."""

    def gauss_newton(self, theta: Array) -> Array:
        """Return 2 J^T J in float64, of shape (P, P), where J is the residuals' Jacobian."""


class FullBatchOptimizer(Configurable, ABC):
    """An optimizer that is given the whole loss as a function.

    Attributes
    ----------
    needs_squares : bool
        Whether that function must be a `SumOfSquares`.

    See Also
    --------
    LBFGS
    LevenbergMarquardt

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp.optimizers import LBFGS
    >>> theta = np.array([3.0])
    >>> result = LBFGS().minimize(lambda theta: (float(theta[0] ** 2), 2 * theta), theta, max_iter=100)
    >>> bool(abs(theta[0]) < 1e-6)
    True
    """

    name: ClassVar[str]
    needs_squares: ClassVar[bool] = False

    @abstractmethod
    def minimize(
        self,
        function: Function,
        theta: Array,
        *,
        max_iter: int,
        callback: Callable[[Iterate], None] | None = None,
    ) -> Result:
        """Change ``theta`` in place until the loss is at a minimum.

        Parameters
        ----------
        function : callable
            ``function(theta)`` returns the loss and its gradient, shaped like ``theta``. It is called
            with the very array given here, at another point each time. A loss that is not finite makes it
            turn back.
        theta : array, shape (P,)
            Where to start, and at the end the best point found, also if the function or the callback raises.
        max_iter : int
            Iterations at most; each evaluates the function once or a few times.
        callback : callable, optional
            Called after every iteration, with ``theta`` at the point reached; may raise StopIteration.

        Returns
        -------
        result : Result

        Raises
        ------
        ValueError
            If the loss is not finite at the start, or ``max_iter`` is below 1.
        """

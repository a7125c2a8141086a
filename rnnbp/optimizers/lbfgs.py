r"""L-BFGS, through SciPy.

    direction = -H g         H ≈ inverse Hessian, from the last ``memory`` changes of θ and g
    θ = θ + α direction      α by a line search that satisfies the Wolfe conditions

For small networks and full batches, where it needs far fewer passes over the data than gradient descent.

Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989. SciPy works in
float64; float32 parameters are converted at the border, and its last digits of progress are then lost in
rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rnnbp.configuration import number, whole_number
from rnnbp.optimizers.base import Array
from rnnbp.optimizers.full_batch import FullBatchOptimizer, Function, Iterate, Result

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["LBFGS"]


class LBFGS(FullBatchOptimizer):
    """Limited-memory BFGS, a quasi-Newton method for full batches.

    Parameters
    ----------
    memory : int, default 10
        Past changes that the Hessian is approximated from; costs ``2 * memory`` vectors like theta.
    gradient_tolerance : float, default 1e-5
        Stop when no entry of the gradient is larger.
    loss_tolerance : float, default 2.2e-9
        Stop when an iteration lowers the loss by less than this share of it.
    max_line_search : int, default 20
        Evaluations within one iteration at most.
    max_evaluations : int, optional
        Evaluations in all at most; an iteration that has begun is ended. Default: no limit but those above.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    LevenbergMarquardt
    rnnbp.fit

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> net = rnnbp.Network([layers.Dense(1, 1)], dtype="float64")
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> history = rnnbp.fit(net, x, 2 * x + 1, loss="mean_squared_error", optimizer=LBFGS(), max_epochs=50)
    >>> print(net.theta.round(2))
    [2. 1.]
    """

    name: ClassVar[str] = "lbfgs"

    def __init__(
        self,
        *,
        memory: int = 10,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 2.2e-9,
        max_line_search: int = 20,
        max_evaluations: int | None = None,
    ) -> None:
        self.memory = whole_number("memory", memory)
        self.gradient_tolerance = number("gradient_tolerance", gradient_tolerance, "[0, inf)")
        self.loss_tolerance = number("loss_tolerance", loss_tolerance, "[0, inf)")
        self.max_line_search = whole_number("max_line_search", max_line_search)
        self.max_evaluations = None if max_evaluations is None else whole_number("max_evaluations", max_evaluations)

    def minimize(
        self,
        function: Function,
        theta: Array,
        *,
        max_iter: int,
        callback: Callable[[Iterate], None] | None = None,
    ) -> Result:
        """Minimize the loss, changing ``theta`` in place; see :meth:`FullBatchOptimizer.minimize`."""
        from scipy.optimize import minimize  # takes a third of a second to import

        max_iter = whole_number("max_iter", max_iter)
        run = _Run(function, theta, callback)
        try:
            found = minimize(
                run.evaluate,
                theta.astype(np.float64),
                jac=True,
                method="L-BFGS-B",
                callback=run.accept,
                options={
                    "maxcor": self.memory,
                    "gtol": self.gradient_tolerance,
                    "ftol": self.loss_tolerance,
                    "maxls": self.max_line_search,
                    "maxiter": max_iter,
                    "maxfun": self.max_evaluations or sys.maxsize,
                },
            )
        finally:
            theta[...] = run.accepted
        return Result(**vars(run.iterate), converged=bool(found.success), message=str(found.message))


class _Run:
    """What SciPy calls: evaluates the function with theta in place, and remembers the last accepted point."""

    def __init__(self, function: Function, theta: Array, callback: Callable[[Iterate], None] | None) -> None:
        self.function, self.theta, self.callback = function, theta, callback
        self.accepted = theta.astype(np.float64)
        self.iterations = self.evaluations = 0

    def evaluate(self, x: Array) -> tuple[float, Array]:
        self.theta[...] = x
        loss, gradient = self.function(self.theta)
        self.evaluations += 1
        self.latest = float(loss), gradient.astype(np.float64)
        finite = np.isfinite(loss) and bool(np.all(np.isfinite(gradient)))
        if self.evaluations == 1:
            if not finite:
                raise ValueError(f"the loss ({loss}) or its gradient is not finite at the start")
            self.loss, self.gradient = self.latest
        return self.latest if finite else self._wall(x - self.accepted)

    def _wall(self, move: Array) -> tuple[float, Array]:
        """Stand in for a loss that is not finite: rising as steeply as it fell where the move began."""
        slope = abs(float(self.gradient @ move))
        return self.loss + slope, move * (slope / (move @ move))

    def accept(self, intermediate_result: OptimizeResult) -> None:
        """Note the end of an iteration: the point accepted is the one evaluated last."""
        self.accepted[...] = intermediate_result.x
        self.loss, self.gradient = self.latest
        self.iterations += 1
        if self.callback is not None:
            self.callback(self.iterate)

    @property
    def iterate(self) -> Iterate:
        return Iterate(
            iteration=self.iterations,
            loss=self.loss,
            gradient_norm=float(np.linalg.norm(self.gradient)),
            evaluations=self.evaluations,
        )

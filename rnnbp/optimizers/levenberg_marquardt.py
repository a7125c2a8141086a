r"""Levenberg-Marquardt: from Gauss-Newton's step to gradient descent's, as far as the quadratic model can be trusted.

With g = ∇L, A = 2 JᵀJ of a sum of squared residuals, and D the largest diagonal of A so far,

    (A + μ D) δ = -g                                           the step: short and downhill for large μ
    ρ = (L(θ) - L(θ + δ)) / (½ δᵀ(μ D δ - g))                  the trust ratio: what was gained, to what A promised
    ρ > 0:  θ ← θ + δ,  μ ← μ max(⅓, 1 - (2ρ - 1)³),  ν ← 2    Nielsen's rule
    else:   μ ← μ ν,  ν ← 2 ν                                  and another step from the same θ

It converges in a few iterations where first-order methods take thousands, for as long as A fits into memory: P² numbers
for P parameters, P³/3 multiplications a step, and the Jacobian of each piece of the data.

D makes the steps independent of the parameters' scales (Moré's choice, in MINPACK). A parameter that nothing depends on
has no diagonal and takes 1.

K. Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944.
D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963.
J. J. Moré, "The Levenberg-Marquardt algorithm: implementation and theory", 1978.
H. B. Nielsen, "Damping parameter in Marquardt's method", 1999.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from rnnbp.configuration import number, shown, whole_number
from rnnbp.optimizers.base import Array
from rnnbp.optimizers.full_batch import FullBatchOptimizer, Function, Iterate, Result, SumOfSquares

__all__ = ["LevenbergMarquardt"]

LEAST_DAMPING = 1e-15  # less is lost in rounding


class LevenbergMarquardt(FullBatchOptimizer):
    """Damped least squares, for small networks, full batches and the mean squared error.

    Parameters
    ----------
    damping : float, default 1e-3
        μ at the start.
    gradient_tolerance : float, default 1e-8
        Stop when no entry of the gradient is larger.
    loss_tolerance : float, default 1e-8
        Stop when an iteration lowers the loss, and was expected to lower it, by at most this share of it.
    step_tolerance : float, default 1e-10
        Stop when a step is shorter than this share of theta, both measured with D.
    memory_limit : float, default 1.0
        In gigabytes (1e9 bytes): if the Jacobian and A take more, that is an error before the work begins.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    See Also
    --------
    LBFGS
    rnnbp.jacobian

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> net = rnnbp.Network([layers.Dense(1, 1)], dtype="float64")
    >>> x, marquardt = np.array([[0.0], [1.0], [2.0]]), LevenbergMarquardt()
    >>> history = rnnbp.fit(net, x, 2 * x + 1, loss="mean_squared_error", optimizer=marquardt, max_epochs=20)
    >>> print(net.theta.round(3))
    [2. 1.]
    """

    name: ClassVar[str] = "levenberg_marquardt"
    needs_squares: ClassVar[bool] = True

    def __init__(
        self,
        *,
        damping: float = 1e-3,
        gradient_tolerance: float = 1e-8,
        loss_tolerance: float = 1e-8,
        step_tolerance: float = 1e-10,
        memory_limit: float = 1.0,
    ) -> None:
        self.damping = number("damping", damping)
        self.gradient_tolerance = number("gradient_tolerance", gradient_tolerance, "[0, inf)")
        self.loss_tolerance = number("loss_tolerance", loss_tolerance, "[0, inf)")
        self.step_tolerance = number("step_tolerance", step_tolerance)
        self.memory_limit = number("memory_limit", memory_limit)

    def minimize(
        self,
        function: Function,
        theta: Array,
        *,
        max_iter: int,
        callback: Callable[[Iterate], None] | None = None,
    ) -> Result:
        """Minimize a `SumOfSquares`, changing ``theta`` in place; see :meth:`FullBatchOptimizer.minimize`.

        Raises
        ------
        TypeError
            If the function is not a `SumOfSquares`.
        ValueError
            If memory_limit would be exceeded, if the loss is not finite at the start, or ``max_iter`` is below 1.
        """
        if not isinstance(function, SumOfSquares):
            raise TypeError(
                "LevenbergMarquardt needs a SumOfSquares, whose Jacobian it can ask for, but "
                f"{shown(function)} was given"
            )
        max_iter = whole_number("max_iter", max_iter)
        self._check_memory(function.n_residuals, theta.size)
        run = _Run(function, theta)
        mu, scale, reached = self.damping, np.zeros(theta.size), ""
        try:
            while not (reached := self._reached(run)) and run.iterations < max_iter:
                matrix = function.gauss_newton(theta)
                if not np.isfinite(matrix).all():
                    return run.result("", "the Jacobian is not finite")
                scale = np.maximum(scale, matrix.diagonal())
                mu = self._search(run, matrix, np.where(scale > 0, scale, 1), mu)
                if mu == 0.0:
                    return run.result("the step is within step_tolerance")
                run.accept()
                if callback is not None:
                    callback(run.iterate)
        except StopIteration:
            return run.result("", "the callback stopped it")
        finally:
            theta[...] = run.point
        return run.result(reached, "max_iter was reached")

    def _search(self, run: _Run, matrix: Array, scale: Array, mu: float) -> float:
        """Try steps of growing damping until one lowers the loss; return the next μ, or 0 if they became too short."""
        nu, least = 2.0, self.step_tolerance * (_norm(run.point, scale) + self.step_tolerance)
        while True:
            step = _solve(matrix, mu * scale, run.gradient)
            if step is not None and _norm(step, scale) <= least:
                return 0.0
            ratio = 0.0 if step is None else run.trust_ratio(step, mu * scale)
            if ratio > 0:
                return max(mu * max(1 / 3, 1 - (2 * ratio - 1) ** 3), LEAST_DAMPING)
            mu, nu = mu * nu, 2 * nu

    def _reached(self, run: _Run) -> str:
        """Say which tolerance has been reached, if one has."""
        if np.abs(run.gradient).max() <= self.gradient_tolerance:
            return "the gradient is within gradient_tolerance"
        if max(run.gain, run.expected) <= self.loss_tolerance * run.loss:
            return "the loss falls by no more than loss_tolerance"
        return ""

    def _check_memory(self, n_residuals: int, n_parameters: int) -> None:
        jacobian, matrices = (8e-9 * n_parameters * rows for rows in (n_residuals, 3 * n_parameters))
        if jacobian + matrices > self.memory_limit:
            raise ValueError(
                f"the Jacobian of {n_residuals} residuals by {n_parameters} parameters takes {jacobian:.3g} GB, and "
                f"the matrices of {n_parameters} by {n_parameters} take {matrices:.3g} GB, which is more than "
                f"memory_limit={self.memory_limit:g}: cut the Jacobian by a smaller batch_size in fit, raise "
                "memory_limit, or take LBFGS()"
            )


def _solve(matrix: Array, damping: Array, gradient: Array) -> Array | None:
    """Return the step, or None if rounding errors have made the matrix indefinite."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    damped = matrix.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:
        return np.asarray(cho_solve(cho_factor(damped, overwrite_a=True), -gradient))
    except LinAlgError:
        return None


def _norm(step: Array, scale: Array) -> float:
    return float(np.sqrt(step @ (scale * step)))


class _Run:
    """The point reached, in float64, with its loss and gradient, and those of the step that is tried."""

    def __init__(self, function: Function, theta: Array) -> None:
        self.function, self.theta = function, theta
        self.point = theta.astype(np.float64)
        self.iterations = self.evaluations = 0
        self.gain = self.expected = np.inf
        self.loss, self.gradient = self._evaluate()
        if not (np.isfinite(self.loss) and np.isfinite(self.gradient).all()):
            raise ValueError(f"the loss ({self.loss}) or its gradient is not finite at the start")

    def _evaluate(self) -> tuple[float, Array]:
        loss, gradient = self.function(self.theta)
        self.evaluations += 1
        return float(loss), gradient.astype(np.float64)

    def trust_ratio(self, step: Array, damping: Array) -> float:
        """Return what a step gains, relative to what was expected; 0 if its loss is not finite."""
        self.trial = self.point + step
        self.theta[...] = self.trial
        self.trial_values = self._evaluate()
        self.gain = self.loss - self.trial_values[0]
        self.expected = 0.5 * float(step @ (damping * step - self.gradient))
        finite = np.isfinite(self.trial_values[0]) and np.isfinite(self.trial_values[1]).all()
        return self.gain / self.expected if finite else 0.0

    def accept(self) -> None:
        """Go to where the last step led."""
        self.point, (self.loss, self.gradient) = self.trial, self.trial_values
        self.iterations += 1

    @property
    def iterate(self) -> Iterate:
        norm = float(np.linalg.norm(self.gradient))
        return Iterate(iteration=self.iterations, loss=self.loss, gradient_norm=norm, evaluations=self.evaluations)

    def result(self, reached: str, otherwise: str = "") -> Result:
        """Return how it ended: with the tolerance that was reached, or for another reason."""
        return Result(**vars(self.iterate), converged=bool(reached), message=reached or otherwise)

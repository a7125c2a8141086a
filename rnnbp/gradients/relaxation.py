"""Finding fixed points: by iteration, many at once, or by GMRES where the equation is linear.

    v <- g(v)    until the residual, the change of v relative to its size, is at most tol

References
----------
Y. Saad and M. H. Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
SIAM Journal on Scientific and Statistical Computing 7, 1986.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConvergenceError", "relax", "solve_affine"]

Array = NDArray[Any]
Index = NDArray[np.intp]

ADVICE = {
    "state": "Weaken the feedback by smaller recurrent weights (such as recurrent_initializer=Identity(0.5)), a lower "
    "learning rate or weight decay; if the residual was still falling, raise max_iter or tol.",
    "error": 'Try solver="gmres", or raise max_iter or tol; no tol can be reached that is below the rounding errors of '
    "the dtype.",
}


class ConvergenceError(ArithmeticError):
    """A relaxation did not converge.

    Attributes
    ----------
    relaxation : {"state", "error"}
        Which of the two.
    residual : float
        The largest one at the end; see `FixedPoint`.
    n_iterations : int
        How many there were.

    See Also
    --------
    FixedPoint

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> from rnnbp.gradients import FixedPoint
    >>> net = Network([layers.Elman(1, 2, gradient=FixedPoint(max_iter=20))])
    >>> net.parameters["0.recurrent_weight"][...] = [[0, 5], [-5, 0]]  # it goes round and round
    >>> try:
    ...     net.forward([[1.0]])
    ... except ConvergenceError as error:
    ...     print(error.relaxation, error.n_iterations)
    state 20
    """

    def __init__(self, relaxation: Literal["state", "error"], residual: float, n_iterations: int, what: str) -> None:
        super().__init__(f"the {relaxation}'s relaxation {what}. {ADVICE[relaxation]}")
        self.relaxation, self.residual, self.n_iterations = relaxation, residual, n_iterations

    def __reduce__(self) -> tuple[Any, ...]:
        what = (
            str(self).removeprefix(f"the {self.relaxation}'s relaxation ").removesuffix(f". {ADVICE[self.relaxation]}")
        )
        return type(self), (self.relaxation, self.residual, self.n_iterations, what)


def relax(
    relaxation: Literal["state", "error"], update: Callable[[Index], Array], n_rows: int, *, tol: float, max_iter: int
) -> list[float]:
    """Iterate until each row has converged; from then on it is left alone.

    Parameters
    ----------
    relaxation : {"state", "error"}
        What to say in an error.
    update : callable
        ``update(rows)`` carries out one iteration of some rows and returns their residuals.
    n_rows : int
    tol : float
    max_iter : int

    Returns
    -------
    list of float
        The largest residual of each iteration.

    Raises
    ------
    ConvergenceError
        If a residual is not finite, or above `tol` after `max_iter` iterations.
    """
    active, largest = np.arange(n_rows), list[float]()
    while active.size:
        if len(largest) == max_iter:
            raise ConvergenceError(
                relaxation,
                largest[-1],
                max_iter,
                f"has not converged: after {max_iter} iterations the residual is above tol={tol:g} in {active.size} of "
                f"{n_rows} examples, and {largest[-1]:.3g} at most",
            )
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported here
            residual = update(active)
        largest.append(float(residual.max()))  # NaN if any is
        if not np.isfinite(largest[-1]):
            n = len(largest)
            raise ConvergenceError(relaxation, largest[-1], n, f"diverges: in iteration {n} it is no longer finite")
        active = active[residual > tol]
    return largest


def solve_affine(g: Callable[[Array], Array], width: int, dtype: Any, *, tol: float, max_iter: int) -> list[float]:
    """Find the fixed point of an affine function by GMRES, and call the function there last.

    Parameters
    ----------
    g : callable
        ``g(v) = M v + c``, of shape (width,).
    width : int
    dtype : dtype
    tol : float
        Of the Euclidean norm of (I - M) v - c, relative to that of c.
    max_iter : int

    Returns
    -------
    list of float
        That relative norm after each iteration.

    Raises
    ------
    ConvergenceError
        If the relative norm is not finite, or above `tol` after `max_iter` iterations.
    """
    from scipy.sparse.linalg import LinearOperator, gmres  # takes a tenth of a second to import

    c, norms = g(np.zeros(width, dtype)), list[float]()
    restart = min(width, max_iter)
    v, status = gmres(
        LinearOperator((width, width), matvec=lambda v: v - (g(v) - c), dtype=dtype),
        c,
        rtol=tol,
        restart=restart,
        maxiter=-(-max_iter // restart),
        callback=norms.append,
        callback_type="pr_norm",
    )
    if status or not np.isfinite(v).all():
        n = len(norms)
        raise ConvergenceError(
            "error", norms[-1], n, f"has not converged: after {n} iterations of GMRES the residual is {norms[-1]:.3g}"
        )
    g(v)
    return norms

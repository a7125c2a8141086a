r"""A search for the learning rate: train a little, at a rate that rises, and see where the loss falls fastest.

At update k of n, with the rate from η₀ to η₁:

    η(k) = η₀ (η₁ / η₀)^(k / n)                                              (1)
    smooth(k) = Σ_i β^(k-i) loss(i) / Σ_i β^(k-i)                            (2)   minibatches' losses are noisy
    suggestion = η(k) at which d smooth / d log η is lowest                  (3)

Training ends early when the smoothed loss has risen to four times its least, or is no longer finite.

Smith, "Cyclical learning rates for training neural networks", WACV 2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp import losses, optimizers
from rnnbp.configuration import number, whole_number
from rnnbp.configuration import seed as check_seed
from rnnbp.data.training_set import TrainingSet
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network, check_network
from rnnbp.optimizers import FullBatchOptimizer, GradientNoise, Optimizer, Rprop, Schedule, schedules
from rnnbp.training.run import NonFiniteError, TrainingRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningRateSearch", "find_learning_rate"]

Array = NDArray[Any]

SMOOTHING = 0.9  # β
RISE = 4.0
ENDS = 5  # updates at the beginning that no slope is taken of: the mean of few losses is noise
LEAST = 10  # updates, before it may end


@dataclass(frozen=True, repr=False)
class LearningRateSearch:
    """What `find_learning_rate` has seen; `plot` draws it.

    Attributes
    ----------
    rates : ndarray of shape (n,)
        Ascending.
    losses : ndarray of shape (n,)
        The loss of the minibatch that was trained on at each rate, before that update.
    smoothed : ndarray of shape (n,)
        The running mean of the losses.
    suggestion : float
        The rate at which the smoothed loss falls fastest.

    See Also
    --------
    find_learning_rate

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(4, 1)])
    >>> search = find_learning_rate(net, np.eye(4), np.ones(4), loss="mean_squared_error", n_updates=50)
    >>> search.rates.shape, bool(search.suggestion in search.rates)
    ((50,), True)
    """

    rates: Array
    losses: Array
    smoothed: Array
    suggestion: float

    def __repr__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        return f"LearningRateSearch of {tried}: suggestion {self.suggestion:.3g}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the loss at each rate; see `rnnbp.plotting.learning_rates`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default None
            Where to draw; by default, in a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        drawn: Axes = import_module("rnnbp.plotting").learning_rates(self, ax=ax)
        return drawn


@explained
def find_learning_rate(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    *,
    loss: Loss | str,
    optimizer: Optimizer | str = "adam",
    lowest: float = 1e-6,
    highest: float = 1.0,
    n_updates: int = 100,
    batch_size: int = 32,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int | None = 0,
) -> LearningRateSearch:
    """Try learning rates on a network, which is left as it was.

    Parameters
    ----------
    net : Network
    x, target, loss, batch_size, lengths, sample_weight
        See `fit`.
    optimizer : Optimizer or str, default "adam"
        One by minibatches; its own learning rate is not used.
    lowest, highest : float, default 1e-6 and 1
        The rates to begin and end with.
    n_updates : int, default 100
        How many rates are tried, at least 20.
    seed : int or None, default 0
        Of the shuffling.

    Returns
    -------
    LearningRateSearch
        Its ``suggestion`` is a rate; its ``plot()`` draws its ``losses`` over its ``rates``.

    Raises
    ------
    ValueError
        If something does not fit, or if the loss falls at no rate.
    NonFiniteError
        If the loss is not finite in the first updates.

    Examples
    --------
    >>> from rnnbp import layers
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = Network([layers.Dense(3, 8), layers.Activation("tanh"), layers.Dense(8, 1)])
    >>> search = find_learning_rate(net, x, np.sin(x[:, :1]), loss="mean_squared_error")
    >>> 1e-4 < search.suggestion < 1
    True
    >>> ax = search.plot()  # doctest: +SKIP
    """
    check_network(net)
    seed = check_seed("seed", seed)
    loss = losses.get(loss)
    whole_number("batch_size", batch_size)
    whole_number("n_updates", n_updates, least=20)
    number("highest", highest, f"({number('lowest', lowest)}, inf)")
    rising = _with_rate(optimizers.get(optimizer), schedules.exponential(lowest, 1.0, highest))  # 1
    data = TrainingSet(net.interface, x, lengths, target=target, loss=loss, sample_weight=sample_weight)
    run, theta, generator = TrainingRun(net, data, loss, batch_size), net.theta.copy(), net.rng
    net.rng = np.random.default_rng(seed)  # dropout's, while the net's own stays where it is
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            rates, seen, smoothed = _rise(run, rising, n_updates, np.random.default_rng(seed))
    finally:
        net.theta[...], net.rng = theta, generator
    return LearningRateSearch(rates, seen, smoothed, _steepest(rates, smoothed))


def _with_rate(optimizer: Optimizer | FullBatchOptimizer, rate: Schedule) -> Optimizer:
    """Return the like of an optimizer, with another learning rate."""
    if isinstance(optimizer, FullBatchOptimizer | Rprop):
        raise ValueError(f"{optimizer!r} finds its own steps: there is no learning rate to search for")
    settings = optimizer.settings()
    if isinstance(optimizer, GradientNoise):
        return GradientNoise(**settings | {"optimizer": _with_rate(optimizer.optimizer, rate)})
    return type(optimizer)(**settings | {"learning_rate": rate})


def _rise(run: TrainingRun, rising: Optimizer, n_updates: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Train at rates that rise; return them, the losses, and these smoothed, until it goes wrong."""
    theta, state = run.net.theta, rising.init(run.net.theta, decayed=run.net.parameters.decayed)
    rates, seen, smoothed, total, weights = [], [], [], 0.0, 0.0
    for k, chosen in zip(range(n_updates), _endless(run.data, run.batch_size, rng), strict=False):
        try:
            (value, gradient, _), _ = run.gradient(run.data.take(chosen))
        except NonFiniteError:
            if k < LEAST:
                raise
            break
        total, weights = SMOOTHING * total + value, SMOOTHING * weights + 1.0
        rates.append(rising.rate(k / n_updates, state))
        seen.append(value)
        smoothed.append(total / weights)  # 2
        if k >= LEAST and smoothed[-1] > RISE * min(smoothed):
            break
        rising.update(theta, gradient, state, epoch=k / n_updates, loss=value)
    return np.array(rates), np.array(seen), np.array(smoothed)


def _endless(data: TrainingSet, batch_size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    while True:
        yield from data.batches(batch_size, rng)


def _steepest(rates: Array, smoothed: Array) -> float:
    """Return the rate at which the smoothed loss falls fastest (3)."""
    slope = np.gradient(smoothed, np.log(rates))[ENDS:]
    if not slope.min() < 0.0:
        raise ValueError(
            f"the loss fell at no rate from {rates[0]:.3g} to {rates[-1]:.3g}: try a lower `lowest`, or scaled inputs"
        )
    return float(rates[ENDS + int(np.argmin(slope))])

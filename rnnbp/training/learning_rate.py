r"""A search for the learning rate: train a little, at a rate that rises until the loss explodes, and step back.

At update k of n, with the rate from η₀ to η₁:

    η(k) = η₀ (η₁ / η₀)^(k / n)                                              (1)
    smooth(k) = Σ_i β^(k-i) loss(i) / Σ_i β^(k-i)                            (2)   minibatches' losses are noisy
    suggestion = η(k) / 10 at which smooth is lowest                         (3)

Training ends at the first minibatch whose own loss, not the smoothed one, is above twice the largest of the first ten,
or no longer finite.

Where smooth is lowest, the rate is about as high as training just bears, and a tenth of it is well within what works.
The steepest fall of smooth, the other rule in use, is found less surely: noise falls steeply at any rate, what begins
with a plateau falls first where the rate is far too low, and easy problems fall where it ruins a longer training.

Smith, "Cyclical learning rates for training neural networks", WACV 2017 (the test by rising rates). Gugger, "How do you
find a good learning rate", 2018 (equation 2, and a step of one order of magnitude back from the minimum), which is
"minimum" of `lr_find` in the library fastai.
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
RISE = 2.0
EXPLODED = 10.0  # times the first loss: then even the first rates are too high
STEP_BACK = 10.0
FIRST = 10  # updates whose losses tell what is usual; the mean of fewer is noise


@dataclass(frozen=True, eq=False)
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
        A tenth of the rate at which the smoothed loss is lowest.

    See Also
    --------
    find_learning_rate

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(4, 1)])
    >>> search = find_learning_rate(net, np.eye(4), np.ones(4), loss="mean_squared_error", n_updates=50)
    >>> bool(np.isclose(search.suggestion, search.rates[search.smoothed.argmin()] / 10))
    True
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
    highest: float = 10.0,
    n_updates: int = 200,
    batch_size: int = 32,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int | None = 0,
) -> LearningRateSearch:
    """Try learning rates on a network, which is left as it was.

    The suggestion is a rate to begin with, as good as a coarse grid's best or near it, for the price of one short
    training: see the notes.

    Parameters
    ----------
    net : Network
    x, target, loss, lengths, sample_weight
        See `fit`.
    batch_size : int, default 32
        See `fit`.
    optimizer : Optimizer or str, default "adam"
        One by minibatches; its own learning rate is not used.
    lowest, highest : float, default 1e-6 and 10
        The rates to begin and end with; it ends before, where the loss explodes.
    n_updates : int, default 200
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

    Notes
    -----
    The rate rises until the loss of a minibatch is twice what it was, or until `highest`; the suggestion is a tenth of
    the rate at which the running mean of the losses was lowest [1]_ [2]_.

    It is good for a first training with this network, optimizer and batch size: with Adam, which it was made for,
    mostly not far from the best of a grid. Plain SGD is slower there than it need be, as it often bears three to ten
    times as much. Where an optimizer learns nothing at any rate within so few updates, as SGD does on the adding
    problem, the suggestion means nothing: look at ``plot()``. At the end of training a lower rate is better; see
    `rnnbp.optimizers.schedules`.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, arXiv:1506.01186.
    .. [2] S. Gugger, "How do you find a good learning rate", 2018,
       https://sgugger.github.io/how-do-you-find-a-good-learning-rate.html.

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
    return LearningRateSearch(rates, seen, smoothed, _suggested(rates, seen, smoothed))


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
            if k <= FIRST:
                raise
            break
        total, weights = SMOOTHING * total + value, SMOOTHING * weights + 1.0
        rates.append(rising.rate(k / n_updates, state))
        seen.append(value)
        smoothed.append(total / weights)  # 2
        if k >= FIRST and value > RISE * max(seen[:FIRST]):
            break
        rising.update(theta, gradient, state, epoch=k / n_updates, loss=value)
    return np.array(rates), np.array(seen), np.array(smoothed)


def _endless(data: TrainingSet, batch_size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    while True:
        yield from data.batches(batch_size, rng)


def _suggested(rates: Array, seen: Array, smoothed: Array) -> float:
    """Return a tenth of the rate at which the smoothed loss is lowest (3)."""
    lowest = FIRST + int(np.argmin(smoothed[FIRST:]))
    usual = seen[:FIRST].mean()
    if usual > EXPLODED * seen[0] or not smoothed[lowest] < usual:
        raise ValueError(
            f"the loss fell at no rate from {rates[0]:.3g} to {rates[-1]:.3g}: try a lower `lowest`, or scaled inputs"
        )
    return float(rates[lowest] / STEP_BACK)

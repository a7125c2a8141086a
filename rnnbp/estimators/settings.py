"""The settings of all estimators, under scikit-learn's names: see `declaring` for what an entry makes.

`Perceptron` or `Recurrence` describe a network, and `Training` how it is trained. What only one kind of estimator has,
a setting or another default, is in its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np

from rnnbp import gradients, layers
from rnnbp.activations import ACTIVATIONS
from rnnbp.configuration import lookup, shown, whole_number
from rnnbp.estimators.declaring import FLAG, WHOLE, Constraint, either, must_be, one_of, real, setting
from rnnbp.gradients import GradientAlgorithm
from rnnbp.layers import Layer, Recurrent
from rnnbp.optimizers import FullBatchOptimizer, Optimizer
from rnnbp.training.checking import callbacks
from rnnbp.training.history import Callback

__all__ = [
    "CALLBACKS",
    "CELLS",
    "FUNCTIONS",
    "GRADIENTS",
    "POOLINGS",
    "RECURRENT_LAYER_SIZES",
    "SEED",
    "Perceptron",
    "Pooling",
    "Recurrence",
    "Training",
    "drawn_seed",
    "layer_sizes",
]

FUNCTIONS = {"logistic": "sigmoid"} | {name: name for name in ACTIVATIONS}  # scikit-learn's name is known too
CELLS: dict[str, type[Recurrent]] = {"gru": layers.GRU, "lstm": layers.LSTM, "elman": layers.Elman}
GRADIENTS: dict[str, type[GradientAlgorithm]] = {
    "bptt": gradients.BPTT,
    "checkpointed": gradients.CheckpointedBPTT,
    "rtrl": gradients.RTRL,
}
POOLINGS: dict[str, Callable[[bool], Layer]] = {
    "last": lambda bidirectional: layers.LastStep(bidirectional=bidirectional),
    "mean": lambda _: layers.MeanOverTime(),
    "max": lambda _: layers.MaxOverTime(),
}
SEED = must_be(
    "int, RandomState or None",
    lambda given: (
        given is None
        or isinstance(given, np.random.RandomState)
        or (isinstance(given, Integral) and 0 <= int(given) < 2**32)
    ),
    hint="; whole numbers go from 0 to 2**32 - 1",
)


def drawn_seed(random_state: np.random.RandomState) -> int:
    """Return a seed of what has random numbers of its own."""
    return random_state.randint(np.iinfo(np.int32).max)


def layer_sizes(name: str, given: Any) -> list[int]:
    """Return the units of each hidden layer."""
    sizes = list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else [given]
    try:
        return [whole_number(name, size) for size in sizes]
    except ValueError:
        raise ValueError(f"{name} must be > 0, got {shown(sizes)}: a whole number, or one for each layer") from None


def _recurrent_layer_sizes(name: str, given: Any) -> None:
    if not layer_sizes(name, given):
        raise ValueError(f"{name} is empty: a recurrent network needs at least one layer")


LAYER_SIZES: Constraint = "int or sequence of int", layer_sizes
RECURRENT_LAYER_SIZES: Constraint = "int or sequence of int", _recurrent_layer_sizes


def _activations(name: str, given: Any) -> None:
    for function in given if isinstance(given, (list, tuple)) else [given]:
        lookup(FUNCTIONS, function, name)


def _callbacks(name: str, given: Any) -> None:
    if isinstance(given, Iterator):
        raise TypeError(f"{name} must be a list, which can be read again, but a {type(given).__name__} was given")
    callbacks(given, None)


CALLBACKS: Constraint = "sequence of callables", _callbacks


def _width_and_stride(name: str, given: Any) -> None:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"{name} must be two whole numbers, (width, stride), but {shown(given)} was given")
    for what, number in zip(("width", "stride"), given, strict=True):
        whole_number(f"the {what} of {name}", number)


WINDOW: Constraint = "(int, int)", _width_and_stride


@dataclass(eq=False, repr=False)
class Perceptron:
    """The settings of a static network."""

    hidden_layer_sizes: int | Sequence[int] = setting((100,), LAYER_SIZES, "Units of each hidden layer; () for none.")
    activation: str | Sequence[str] = setting(
        "relu",
        ("str or sequence of str", _activations),
        """
        "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus" or "softmax": one for all hidden
        layers, or one for each.
        """,
    )
    _: KW_ONLY
    dropout: float = setting(
        0.0, real("[0, 1)"), "The probability that a hidden unit's output is dropped, in training."
    )


@dataclass(eq=False, repr=False)
class Recurrence:
    """The settings of a recurrent network."""

    hidden_layer_sizes: int | Sequence[int] = setting(
        (64,),
        RECURRENT_LAYER_SIZES,
        "Units of each recurrent layer (of each direction).",
    )
    cell: Literal["gru", "lstm", "elman"] = setting("gru", one_of(CELLS, "cell"))
    _: KW_ONLY
    gradient: Literal["bptt", "checkpointed", "rtrl"] | GradientAlgorithm = setting(
        "bptt",
        one_of(GRADIENTS, "gradient algorithm", GradientAlgorithm),
        """
        How gradients go through time; an algorithm of rnnbp.gradients, such as ``TruncatedBPTT(20, 20)``, has its
        settings itself.
        """,
    )
    dropout: float = setting(
        0.0,
        real("[0, 1)"),
        "The probability that an output of a recurrent layer is dropped on its way up, in training.",
    )
    recurrent_dropout: float = setting(
        0.0, real("[0, 1)"), "The same for a layer's state on its way to the next step, with one mask for all steps."
    )
    clip_norm: float | None = setting(
        1.0,
        either(real("(0, inf)"), None),
        'Scale a gradient of larger norm down to this one; for "sgd" and "adam".',
        of_solver=True,
    )


@dataclass(eq=False, repr=False, kw_only=True)
class Pooling:
    """The settings of a recurrent network that may see the whole sequence at each step, or give one output for it."""

    convolution: tuple[int, int] | None = setting(
        None,
        either(WINDOW, None),
        """
        Width and stride of a first layer that is a convolution over time (`layers.Conv1D`, with a ReLU): the recurrent
        layers then see windows of so many steps, one every so many, through as many filters as the first of them has
        units. Windows end with the present step, or with ``bidirectional=True`` have it in their middle. The first
        thing to try for series of few numbers a step and 50 steps or more:
        ``convolution=(12, 3), bidirectional=True, pooling="max"``, with ``hidden_layer_sizes=(64, 64)``, on features
        that `SequenceScaler` has scaled.
        """,
    )
    bidirectional: bool = setting(False, FLAG, "Whether each layer reads the sequence from both ends.")
    pooling: Literal["last", "mean", "max"] = setting(
        "last",
        one_of(POOLINGS, "pooling"),
        """
        What of the steps' outputs stands for the sequence. "last" is each direction's own last step, which has seen all
        frames: of a backward direction, that at the sequence's first frame.
        """,
    )


@dataclass(eq=False, repr=False, kw_only=True)
class Training:
    """The settings of training."""

    solver: Literal["adam", "sgd", "lbfgs"] | Optimizer | FullBatchOptimizer = setting(
        "adam",
        must_be(
            '{"adam", "sgd", "lbfgs"} or optimizer',
            lambda given: isinstance(given, (Optimizer, FullBatchOptimizer)) or given in ("adam", "sgd", "lbfgs"),
            said="'adam', 'sgd', 'lbfgs' or an optimizer such as rnnbp.optimizers.RMSprop()",
        ),
        """
        An optimizer of rnnbp.optimizers, such as ``RMSprop(1e-3, clip_norm=1.0)``, has its settings itself: those that
        are for one solver below must then keep their defaults.
        """,
    )
    alpha: float = setting(
        0.0001,
        real("[0, inf)"),
        """
        The strength of the penalty ``alpha / 2 * |W|^2`` of all weights (not biases), divided by the number of
        $counted in a batch.
        """,
    )
    batch_size: int | Literal["auto"] = setting(
        "auto",
        either(WHOLE, "auto"),
        '$Samples a minibatch; "auto" is $largest_batch, or all if there are fewer. "lbfgs" takes no minibatches.',
    )
    learning_rate: Literal["constant", "invscaling", "adaptive"] = setting(
        "constant",
        must_be(
            '{"constant", "invscaling", "adaptive"}',
            lambda given: given in ("constant", "invscaling", "adaptive"),
            hint="; the rate itself is learning_rate_init",
        ),
        """
        For "sgd": constant; ``learning_rate_init / (t + 1) ** power_t`` after t $samples; or divided by 5 whenever
        training would end for lack of improvement, down to 1e-6.
        """,
        of_solver=True,
    )
    learning_rate_init: float = setting(0.001, real("(0, inf)"), 'For "sgd" and "adam".', of_solver=True)
    power_t: float = setting(0.5, real("[0, inf)"), 'For "invscaling".', of_solver=True)
    max_iter: int = setting(200, WHOLE, 'Epochs at most, or iterations of "lbfgs".')
    shuffle: bool = setting(True, FLAG, "Whether each epoch takes the $samples in another order.")
    random_state: int | np.random.RandomState | None = setting(
        None,
        SEED,
        "Of initial parameters, dropout, the split of validation data and the order of $samples.",
    )
    tol: float = setting(
        1e-4,
        real("[0, inf)"),
        "The least improvement of the loss (with early stopping, of the validation score) that counts.",
    )
    verbose: bool | int = setting(
        False,
        must_be("bool or int", lambda given: isinstance(given, Integral)),
        "Whether to print the loss after each epoch.",
    )
    warm_start: bool = setting(False, FLAG, "Whether `fit` goes on from the parameters of the call before.")
    momentum: float = setting(0.9, real("[0, 1)"), 'For "sgd", in [0, 1).', of_solver=True)
    nesterovs_momentum: bool = setting(True, FLAG, 'For "sgd".', of_solver=True)
    early_stopping: bool | str = setting(
        False,
        FLAG,
        """
        Whether to set validation data aside (unless `fit` is given some), to end training when their score no longer
        improves, and to keep the parameters of the best epoch.$goes_on
        """,
    )
    validation_fraction: float = setting(
        0.1, real("[0, 1)"), "The share of $samples (of groups, if `fit` is given some) that is set aside$stratified."
    )
    beta_1: float = setting(0.9, real("[0, 1)"), 'For "adam".', of_solver=True)
    beta_2: float = setting(0.999, real("[0, 1)"), 'For "adam".', of_solver=True)
    epsilon: float = setting(1e-8, real("(0, inf)"), 'For "adam".', of_solver=True)
    n_iter_no_change: float = setting(
        10, either(WHOLE, np.inf), "Training ends after more epochs than that without improvement."
    )
    max_fun: int = setting(15000, WHOLE, 'Evaluations of the loss at most, for "lbfgs".', of_solver=True)
    callbacks: Sequence[Callback] = setting(
        (),
        CALLBACKS,
        """
        Each is called as ``callback(network, history)`` after each epoch; a true result ends training. See
        `rnnbp.callbacks`.
        """,
    )

"""Names that are not known, and those that were meant: of arguments, of values, of attributes, of a module's parts.

What was meant is found by its spelling, or by what Keras, PyTorch and scikit-learn call the same thing.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from opcode import opmap
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar

__all__ = ["advice", "explained", "explained_attributes", "explained_class", "explained_module", "meant"]

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 100  # characters of a name that are compared
IMPORT_FROM = opmap["IMPORT_FROM"]  # Python's instruction that fetches a name for ``from module import name``

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    # arguments
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "nb_epoch", "n_iter", "iterations"), ("max_epochs", "max_iter")
    ),
    "max_iter": ("max_epochs",),
    "max_epochs": ("max_iter",),
    **dict.fromkeys(("lr", "eta", "step_size"), ("learning_rate_init", "learning_rate", "rate")),
    "learning_rate_init": ("learning_rate",),
    "learning_rate": ("learning_rate_init", "rate"),
    "betas": ("beta_1",),
    "eps": ("epsilon",),
    **dict.fromkeys(("clipnorm", "max_norm", "max_grad_norm", "gradient_clip_val"), ("clip_norm",)),
    **dict.fromkeys(("weight_decay", "alpha", "penalty"), ("l2", "alpha")),
    **dict.fromkeys(("steps", "horizon", "fh", "n_steps"), ("h",)),
    **dict.fromkeys(("criterion", "objective", "loss_fn"), ("loss",)),
    **dict.fromkeys(("metric", "metrics", "scoring"), ("score",)),
    **dict.fromkeys(("early_stopping", "n_iter_no_change"), ("patience",)),
    "patience": ("n_iter_no_change",),
    **dict.fromkeys(("validation_split", "val_split", "test_size"), ("validation_fraction", "validation_data")),
    **dict.fromkeys(("val_data", "validation_set", "eval_set"), ("validation_data",)),
    **dict.fromkeys(("y", "Y", "y_true", "targets", "labels"), ("target",)),
    **dict.fromkeys(("X", "inputs", "data"), ("x",)),
    **dict.fromkeys(("model", "network"), ("net",)),
    **dict.fromkeys(("verbose", "verbosity", "disp"), ("progress", "verbose")),
    "random_state": ("seed",),
    "seed": ("random_state",),
    **dict.fromkeys(("sequence_lengths", "seq_lengths", "seq_len"), ("lengths",)),
    "bptt": ("chunk_length",),
    **dict.fromkeys(("input_size", "input_dim", "in_features", "in_channels", "n_in"), ("n_inputs", "n_features")),
    **dict.fromkeys(("hidden_size", "hidden_dim", "units", "n_units"), ("n_hidden", "hidden_layer_sizes", "n_outputs")),
    **dict.fromkeys(("output_size", "out_features", "out_channels", "filters", "n_out"), ("n_outputs",)),
    **dict.fromkeys(("num_embeddings", "vocab_size"), ("n_symbols",)),
    "embedding_dim": ("n_features",),
    "kernel_size": ("width",),
    "kernel_initializer": ("weight_initializer", "input_initializer"),
    **dict.fromkeys(("p", "dropout"), ("rate", "recurrent_dropout")),
    "go_backwards": ("reverse",),
    "optimizer": ("solver",),
    "filepath": ("path",),
    "gamma": ("factor",),
    "T_max": ("epochs",),
    # names that are given as values
    **dict.fromkeys(("mse", "mseloss", "mean_squared", "l2_loss"), ("mean_squared_error", "squared_error")),
    "squared_error": ("mean_squared_error",),
    "mean_squared_error": ("squared_error",),
    **dict.fromkeys(("ce", "categorical_crossentropy", "sparse_categorical_crossentropy", "nll"), ("cross_entropy",)),
    **dict.fromkeys(("nllloss", "nll_loss", "log_loss", "softmax"), ("cross_entropy",)),
    **dict.fromkeys(("bce", "bceloss", "bcewithlogitsloss", "binary_crossentropy"), ("binary_cross_entropy",)),
    "ctcloss": ("ctc",),
    "linear": ("identity",),
    "logistic": ("sigmoid",),
    "leakyrelu": ("leaky_relu",),
    **dict.fromkeys(("xavier", "glorot_uniform", "xavier_uniform"), ("glorot",)),
    **dict.fromkeys(("kaiming", "he_normal", "he_uniform", "kaiming_uniform"), ("he",)),
    **dict.fromkeys(("rnn", "simplernn", "simple_rnn"), ("elman",)),
    **dict.fromkeys(("avg", "average"), ("mean",)),
    "tbptt": ("TruncatedBPTT", "bptt"),
    "lm": ("levenberg_marquardt",),
    "l-bfgs": ("lbfgs",),
}
FREEZING = (
    "every layer learns: for some that do not, train a network of the others on what a network of these gives, by "
    "rnnbp.predict"
)
ADVICE: Mapping[str, str] = {
    "activation": "an activation is a layer of its own: write Activation('relu') after this one",
    "return_sequences": "a recurrent layer returns all steps: for one output a sequence, LastStep() comes after it",
    "return_state": "Network.run(x).final_states holds the states",
    "stateful": "fit(..., chunk_length=...) carries states on from chunk to chunk",
    "num_layers": "list one layer for each",
    "batch_first": "arrays are time-major, (T, B, F): of an (N, T, F) array pass list(x)",
    "bias": "every layer has one",
    "use_bias": "every layer has one",
    "monitor": "fit(..., monitor=...) says what is monitored",
    "device": "everything runs on the CPU",
    **dict.fromkeys(("lr", "learning_rate"), "an optimizer takes it, as in optimizer=optimizers.Adam(0.001)"),
    "params": "fit(net, ..., optimizer=...) brings optimizer and parameters together",
    "class_weight": "the loss takes it: losses.CrossEntropy(class_weight=[...])",
    **dict.fromkeys(("trainable", "requires_grad", "frozen"), FREEZING),
    **dict.fromkeys(("epochs", "max_epochs"), "an estimator takes it when it is made, as max_iter=..."),
    **dict.fromkeys(("batch_size", "callbacks"), "an estimator takes it when it is made"),
    "validation_data": "an estimator's fit takes X_val=..., y_val=..., and its constructor early_stopping=True",
    "validation_split": "an estimator takes early_stopping=True and validation_fraction=... when it is made",
    "alpha": "of an interval, coverage=0.95 is what elsewhere is alpha=0.05",
}


def meant(name: object, known: Iterable[str]) -> str:
    """Return a question for the known name that was probably meant, beginning with a space; or nothing.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
    """
    if not isinstance(name, str):
        return ""
    folded = {each.lower(): each for each in known}
    given = name.lower()[:LONGEST]
    near = [folded[each.lower()] for each in ELSEWHERE.get(name, ELSEWHERE.get(given, ())) if each.lower() in folded]
    if not near and name not in ADVICE:  # for which there is a better word than one that is spelt alike
        near = [folded[each] for each in difflib.get_close_matches(given, folded)]
    return f" Did you mean {near[0]!r}?" if near else ""


def advice(name: str) -> str:
    """Return what to do instead of giving something of that name, in brackets that follow a space; or nothing."""
    return f" ({ADVICE[name]})" if name in ADVICE else ""


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function say what it takes where it is called with other arguments."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            if wrong := _misuse(function, args, kwargs):
                raise TypeError(wrong) from None
            raise

    return call


def explained_class(cls: type[R]) -> type[R]:
    """Have a class say what its constructor takes; see `explained`."""
    setattr(cls, "__init__", explained(cls.__init__))  # noqa: B010 (mypy)
    return cls


def explained_attributes(hints: Mapping[str, str]) -> Callable[[type[R]], type[R]]:
    """Have objects of a class say what to write for attributes that they have elsewhere.

    It is an AttributeError like any other, so that `hasattr` is false; all other names are left to Python.
    """

    def explain(cls: type[R]) -> type[R]:
        def __getattr__(self: R, name: str) -> Any:
            if name in hints:
                raise AttributeError(f"a {type(self).__name__} has no attribute {name!r}: {hints[name]}")
            return object.__getattribute__(self, name)  # in Python's words, also what goes wrong within a property

        setattr(cls, "__getattr__", __getattr__)  # noqa: B010 (checkers know which attributes there are)
        return cls

    return explain


def explained_module(name: str, hints: Mapping[str, str]) -> None:
    """Have a module say what it has in the place of what others have; see `explained_attributes`.

    Where that is imported from it, this is an ImportError: Python would hide an AttributeError behind one of its own.
    """

    def __getattr__(asked: str) -> NoReturn:
        hint = f": {hints[asked]}" if asked in hints else ""
        if hint and _imports(sys._getframe(1)):
            raise ImportError(f"cannot import name {asked!r} from {name!r}{hint}", name=name)
        raise AttributeError(f"module {name!r} has no attribute {asked!r}{hint}")

    setattr(sys.modules[name], "__getattr__", __getattr__)  # noqa: B010


def _imports(frame: FrameType) -> bool:
    """Return whether a frame is at a name of ``from module import name``."""
    return frame.f_code.co_code[frame.f_lasti] == IMPORT_FROM


def _misuse(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return what is wrong with the arguments of a call; nothing, if they are what the function takes."""
    own = inspect.signature(function)
    try:
        own.bind(*args, **kwargs)
    except TypeError as error:
        reason = str(error)
    else:
        return ""
    name, taken = function.__name__, own
    if name == "__init__" and args:
        name, taken = type(args[0]).__name__, inspect.signature(type(args[0]))
    elif args and next(iter(own.parameters), "") in ("self", "cls"):
        owner = args[0] if isinstance(args[0], type) else type(args[0])
        name, taken = f"{owner.__name__}.{name}", own.replace(parameters=list(own.parameters.values())[1:])
    known = [each for each, p in taken.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    listed = f"its arguments are {', '.join(known)}" if known else "it takes no arguments"
    for given in kwargs:
        if given not in known:
            question = meant(given, known)
            return f"{name} takes no argument {given!r}{'' if question else advice(given)}.{question} I{listed[1:]}"
    if "too many positional" in reason:
        first = [each for each, p in taken.parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = [each for each in known if each not in first]
        n_given = len(args) - (own.parameters.keys() != taken.parameters.keys())
        by_position = f"{', '.join(first) or 'nothing'} by position, but {n_given} arguments"
        example = f", and name the others, as in {named[0]}=..." if named else ""
        return f"{name} takes {by_position} were given: put what is a list in brackets{example}; {listed}"
    return f"{name} cannot be called so: {reason}; {listed}"

"""Activation functions as modules and functions of PyTorch."""

from __future__ import annotations

from typing import Any

from rnnbp.activations import family_of, named

__all__ = ["FUNCTIONS", "module_of", "name_of"]

# the class, and for each of a family's numbers the class's argument
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "identity": ("Identity", ()),
    "sigmoid": ("Sigmoid", ()),
    "tanh": ("Tanh", ()),
    "relu": ("ReLU", ()),
    "leaky_relu": ("LeakyReLU", ("negative_slope",)),
    "elu": ("ELU", ("alpha",)),
    "gelu": ("GELU", ()),
    "softplus": ("Softplus", ()),
    "softsign": ("Softsign", ()),
    "softmax": ("Softmax", ()),
    "thresholded_relu": ("Threshold", ("threshold",)),
}
NAMES = {theirs: ours for ours, (theirs, _) in MODULES.items()}
# functions and methods without numbers of their own
FUNCTIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "softsign": "softsign"}
HARD_SIGMOID = named("hard_sigmoid", 1 / 6, 0.5)


def module_of(name: str, nn: Any) -> Any:
    """Return the module of an activation function.

    Raises
    ------
    ValueError
        If there is none.
    """
    family, numbers = family_of(name)
    if name == HARD_SIGMOID:
        return nn.Hardsigmoid()
    if family not in MODULES:
        raise ValueError(f"has the activation {name!r}, which PyTorch has not")
    cls, arguments = MODULES[family]
    settings = dict(zip(arguments, numbers, strict=True))
    if family == "thresholded_relu":
        settings["value"] = 0.0
    return getattr(nn, cls)(**settings, **({"dim": -1} if family == "softmax" else {}))


def name_of(module: Any) -> str | None:
    """Return our name of an activation module's function; None if it is another module.

    Raises
    ------
    ValueError
        If we have the function, but not with its settings.
    """
    kind = type(module).__name__
    if kind == "Hardsigmoid":
        return HARD_SIGMOID
    if kind not in NAMES:
        return None
    usual = {"approximate": "none", "beta": 1.0, "value": 0.0}
    for setting, value in usual.items():
        if getattr(module, setting, value) != value:
            raise ValueError(f"has {setting}={getattr(module, setting)!r}: {value!r} is supported")
    if kind == "Softmax" and module.dim not in (-1, 2):
        raise ValueError(f"has dim={module.dim}: it must go over the features, dim=-1")
    ours = NAMES[kind]
    numbers = [getattr(module, argument) for argument in MODULES[ours][1]]
    return named(ours, *numbers) if numbers else ours

"""Activation functions as ONNX names them: within recurrent operators, and as operators of their own."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.activations import family_of, named

__all__ = ["FUNCTIONS", "from_onnx", "to_onnx"]

# ours, and the defaults of alpha and beta, of which a function has none, the first, or both
FUNCTIONS: dict[str, tuple[str, tuple[float, ...]]] = {
    "Relu": ("relu", ()),
    "Tanh": ("tanh", ()),
    "Sigmoid": ("sigmoid", ()),
    "Softsign": ("softsign", ()),
    "Softplus": ("softplus", ()),
    "Affine": ("affine", (1.0, 0.0)),
    "LeakyRelu": ("leaky_relu", (0.01,)),
    "ThresholdedRelu": ("thresholded_relu", (1.0,)),
    "ScaledTanh": ("scaled_tanh", (1.0, 1.0)),
    "HardSigmoid": ("hard_sigmoid", (0.2, 0.5)),
    "Elu": ("elu", (1.0,)),
}
OURS = {ours: theirs for theirs, (ours, _) in FUNCTIONS.items()}
FOLDED = {theirs.lower(): theirs for theirs in FUNCTIONS}


def to_onnx(name: str) -> tuple[str, tuple[float, ...]]:
    """Return ONNX's name of an activation function, and its alpha and beta as far as it has them.

    Raises
    ------
    ValueError
        If ONNX has no such function within recurrent operators.
    """
    family, numbers = ("affine", (1.0, 0.0)) if name == "identity" else family_of(name)
    if family not in OURS:
        raise ValueError(f"has the activation {name!r}, which ONNX's recurrent operators have not")
    return OURS[family], numbers


def from_onnx(name: str, alphas: Iterator[float], betas: Iterator[float]) -> str:
    """Return our name of a function; its alpha and beta are the next ones, or the defaults where there are no more.

    Raises
    ------
    ValueError
        If there is no such function.
    """
    if name.lower() not in FOLDED:
        raise ValueError(f"has the activation {name!r}: known are {', '.join(FUNCTIONS)}")
    ours, defaults = FUNCTIONS[FOLDED[name.lower()]]
    numbers = [next(given, default) for given, default in zip((alphas, betas), defaults, strict=False)]
    return named(ours, *numbers) if numbers else ours

"""Instruments that show what a network and its gradients do, and whether they are right.

Each looks at a copy: the network is left as it is. The pictures are in `rnnbp.plotting`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rnnbp.diagnostics.activations import Activations, activations
from rnnbp.diagnostics.gradient_check import GradientCheck, GradientError, check_gradients
from rnnbp.diagnostics.gradient_flow import GradientFlow, gradient_flow
from rnnbp.diagnostics.gradient_flow_watch import GradientFlowWatch
from rnnbp.diagnostics.lyapunov import LyapunovExponents, lyapunov_exponents
from rnnbp.diagnostics.saliency import Saliency, saliency

if TYPE_CHECKING:
    from rnnbp.plotting.report import TrainingReport

__all__ = [
    "Activations",
    "GradientCheck",
    "GradientError",
    "GradientFlow",
    "GradientFlowWatch",
    "LyapunovExponents",
    "Saliency",
    "TrainingReport",
    "activations",
    "check_gradients",
    "gradient_flow",
    "lyapunov_exponents",
    "saliency",
]


def __getattr__(name: str) -> Any:
    if name == "TrainingReport":  # made of plots, which are made of the instruments above
        return import_module("rnnbp.plotting.report").TrainingReport
    raise AttributeError(f"module 'rnnbp.diagnostics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

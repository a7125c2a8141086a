"""Instruments that show what a network and its gradients do, and whether they are right.

Each looks at a copy: the network is left as it is. The pictures are in `rnnbp.plotting`.
"""

from rnnbp.diagnostics.activations import Activations, activations
from rnnbp.diagnostics.gradient_check import GradientCheck, GradientError, check_gradients
from rnnbp.diagnostics.gradient_flow import GradientFlow, gradient_flow
from rnnbp.diagnostics.lyapunov import LyapunovExponents, lyapunov_exponents
from rnnbp.diagnostics.saliency import Saliency, saliency

__all__ = [
    "Activations",
    "GradientCheck",
    "GradientError",
    "GradientFlow",
    "LyapunovExponents",
    "Saliency",
    "activations",
    "check_gradients",
    "gradient_flow",
    "lyapunov_exponents",
    "saliency",
]

"""Gradient algorithms for recurrent layers: ways to contract the same linearised steps."""

from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.fixed_point import FixedPoint
from rnnbp.gradients.recurrence import Recurrence
from rnnbp.gradients.relaxation import ConvergenceError
from rnnbp.gradients.rtrl import RTRL
from rnnbp.gradients.snap import SnAp1

__all__ = ["BPTT", "RTRL", "ConvergenceError", "FixedPoint", "GradientAlgorithm", "Recurrence", "SnAp1"]

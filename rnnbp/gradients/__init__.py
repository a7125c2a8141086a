"""Gradient algorithms for recurrent layers: ways to contract the same linearised steps."""

from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.fixed_point import ConvergenceError, FixedPoint
from rnnbp.gradients.recurrence import Recurrence

__all__ = ["BPTT", "ConvergenceError", "FixedPoint", "GradientAlgorithm", "Recurrence"]

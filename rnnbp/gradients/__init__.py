"""Gradient algorithms for recurrent layers: ways to contract the same linearised steps."""

from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.recurrence import Recurrence

__all__ = ["BPTT", "GradientAlgorithm", "Recurrence"]

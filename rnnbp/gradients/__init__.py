"""Gradient algorithms for recurrent layers: ways to contract the same linearised steps."""

from rnnbp.gradients.algorithm import GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.checkpointed import CheckpointedBPTT
from rnnbp.gradients.fixed_point import FixedPoint
from rnnbp.gradients.recurrence import Recurrence
from rnnbp.gradients.relaxation import ConvergenceError
from rnnbp.gradients.rtrl import RTRL
from rnnbp.gradients.snap import SnAp1
from rnnbp.gradients.truncated import TruncatedBPTT

__all__ = [
    "BPTT",
    "RTRL",
    "CheckpointedBPTT",
    "ConvergenceError",
    "FixedPoint",
    "GradientAlgorithm",
    "Recurrence",
    "SnAp1",
    "TruncatedBPTT",
]

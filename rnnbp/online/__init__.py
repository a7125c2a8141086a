"""Learning while streaming."""

from rnnbp.online.learner import OnlineLearner

__all__ = ["OnlineLearner"]

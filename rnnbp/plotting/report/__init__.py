"""A training run on one page: what was trained, on what, how it went, and what the network does now."""

from rnnbp.plotting.report.training_report import TrainingReport

__all__ = ["TrainingReport"]

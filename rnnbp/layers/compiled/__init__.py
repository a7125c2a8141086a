"""Layers as the engine runs them: records, and the instructions that work on them."""

from __future__ import annotations

from rnnbp.layers.compiled.part import Part

__all__ = ["Part"]

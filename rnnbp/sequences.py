"""Sequences of unequal lengths, padded and back; see `rnnbp.data.sequences`."""

from __future__ import annotations

from rnnbp.data.sequences import pad, unpad

__all__ = ["pad", "unpad"]

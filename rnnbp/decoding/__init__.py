"""Decoding: from the logits of a network trained with `rnnbp.losses.CTC` to labels, words and times."""

from __future__ import annotations

from rnnbp.decoding.alignment import Alignment, Segment, align
from rnnbp.decoding.arpa import ArpaError
from rnnbp.decoding.beam_search import BeamSearch, Hypothesis
from rnnbp.decoding.best_path import greedy
from rnnbp.decoding.ngram import NGram
from rnnbp.decoding.voting import vote

__all__ = ["Alignment", "ArpaError", "BeamSearch", "Hypothesis", "NGram", "Segment", "align", "greedy", "vote"]

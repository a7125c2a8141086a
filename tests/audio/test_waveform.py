"""Which samples of a recording were cut off."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnbp.audio.waveform import clipped_part


@given(arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])))
def test_clipped_are_runs_of_three_or_more_at_either_end_of_the_range(wave):
    runs = [(value, len(list(same))) for value, same in itertools.groupby(wave.tolist())]
    cut = sum(n for value, n in runs if value in (wave.max(), wave.min()) and n >= 3)
    assert clipped_part(wave) == pytest.approx(cut / wave.size)

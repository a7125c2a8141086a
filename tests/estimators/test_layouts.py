"""How arrays lie in memory: one that is laid out anew has the same strides, but for what lay between its rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from rnnbp.estimators.layouts import laid_out, layout


@settings(max_examples=30)
@given(st.data())
def test_axes_and_directions_are_kept(data):
    shape = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    cuts = [data.draw(st.sampled_from([slice(None), slice(None, None, -1), slice(1, None)])) for _ in shape]
    array = np.random.default_rng(0).normal(size=shape).transpose(data.draw(st.permutations(range(len(shape)))))
    array = array[tuple(cuts)]
    said = layout(array)
    if array.ndim < 2 or array.flags.c_contiguous:
        assert said is None
        return
    again = laid_out(np.array(array, order="C"), said)
    np.testing.assert_array_equal(again, array)
    assert (np.sign(again.strides) == np.sign(array.strides)).all()
    several = np.flatnonzero(np.array(array.shape) > 1)  # where there is one number, a stride means nothing
    assert np.argsort(np.abs(again.strides)[several]).tolist() == np.argsort(np.abs(array.strides)[several]).tolist()
    if array.ndim == 2:
        assert layout(again) == said
    if all(cut.start is None for cut in cuts):  # nothing lies between its rows
        assert again.strides == array.strides


@pytest.mark.parametrize("array", [np.zeros((2, 3)), np.zeros((2, 3, 4)), np.zeros(4)[::2], np.zeros(())])
def test_what_lies_row_by_row_or_has_fewer_axes_needs_no_word(array):
    assert layout(array) is None


def test_a_gap_is_what_lies_between_the_innermost_rows():
    cube = np.zeros((2, 3, 4)).transpose(0, 2, 1)
    assert layout(cube) == {"axes": [0, 2, 1], "reversed": [], "gap": False}
    assert layout(np.zeros((2, 3, 5))[:, :, :4].transpose(0, 2, 1)) == {"axes": [0, 2, 1], "reversed": [], "gap": True}


@pytest.mark.parametrize("cut", [np.s_[:, :-1], np.s_[:, ::-1], np.s_[::-1], np.s_[::-1, ::-1], np.s_[:-1, 1:]])
@pytest.mark.parametrize("turned", [False, True])
def test_a_product_with_it_has_the_same_bits(cut, turned):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(40, 30))[cut]
    matrix = matrix.T if turned else matrix
    again = laid_out(np.array(matrix, order="C"), layout(matrix))
    x = rng.normal(size=(7, len(matrix)))
    assert (x @ again == x @ matrix).all()


def test_the_components_of_scikit_learn_lie_as_they_lay():
    x = np.random.default_rng(0).normal(size=(50, 6))
    components = PCA(3).fit(x).components_
    said = layout(components)
    again = components if said is None else laid_out(np.array(components, order="C"), said)
    assert (x @ again.T == x @ components.T).all()


COLUMNS = {"axes": [1, 0], "reversed": [], "gap": False}


@pytest.mark.parametrize(
    ("shape", "description"),
    [
        ((2, 3), None),
        ((2, 3), {"axes": [1, 0], "reversed": []}),
        ((2, 3), COLUMNS | {"more": 1}),
        ((2, 3), COLUMNS | {"axes": [0]}),
        ((2, 3), COLUMNS | {"axes": [0, 0]}),
        ((2, 3), COLUMNS | {"axes": [1, 2]}),
        ((2, 3), COLUMNS | {"axes": [True, False]}),
        ((2, 3), COLUMNS | {"axes": "10"}),
        ((2, 3), COLUMNS | {"reversed": [2]}),
        ((2, 3), COLUMNS | {"reversed": [0, 0]}),
        ((2, 3), COLUMNS | {"gap": 1}),
        ((2, 3, 4), COLUMNS),
        ((6,), {"axes": [0], "reversed": [], "gap": False}),
        ((), {"axes": [], "reversed": [], "gap": False}),
    ],
)
def test_what_no_array_can_lie_as_is_refused(shape, description):
    with pytest.raises(ValueError, match="cannot lie as"):
        laid_out(np.zeros(shape), description)

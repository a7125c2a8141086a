"""A part of the data, as a user's collection has it, is read or refused; no cluster is needed for that."""

import numpy as np
import pytest

from rnnbp import Network, layers
from rnnbp.distributed.description import describe, read_part
from rnnbp.losses import MeanSquaredError

NET = Network([layers.Elman(2, 3), layers.LastStep(), layers.Dense(3, 1)])
STATIC = Network([layers.Dense(2, 1)])
SEQUENCES = [np.full((n, 2), float(n)) for n in (3, 1, 2)]
PADDED = np.zeros((3, 3, 2))
Y = np.arange(3.0)


def read(x, target=None, lengths=None, sample_weight=None, *, net=NET):
    return read_part(net.interface, MeanSquaredError(), x, target, lengths, sample_weight)


@pytest.mark.parametrize(
    ("given", "lengths", "weighs"),
    [
        ((SEQUENCES, Y), [3, 1, 2], False),
        (((SEQUENCES, Y),), [3, 1, 2], False),
        ((tuple(SEQUENCES), Y), [3, 1, 2], False),  # with its targets apart, a tuple is one of sequences
        ((list(zip(SEQUENCES, Y, strict=True)),), [3, 1, 2], False),
        ((zip(SEQUENCES, Y, strict=True),), [3, 1, 2], False),
        ((iter(SEQUENCES), iter(Y)), [3, 1, 2], False),
        (((PADDED, Y),), [3, 3, 3], False),
        (((PADDED, Y, [3, 1, 2]),), [3, 1, 2], False),
        (((PADDED, Y, None, np.ones(3)),), [3, 3, 3], True),
        ((PADDED, Y, [3, 1, 2], np.ones(3)), [3, 1, 2], True),
    ],
)
def test_a_part_is_read_however_it_is_handed_in(given, lengths, weighs):
    data = read(*given)
    assert data.lengths.tolist() == lengths
    assert data.target.ravel().tolist() == Y.tolist()
    assert (data.weight is not None) == weighs
    described = describe(data)
    assert (described.n_examples, described.n_rows) == (3, sum(lengths))
    assert (described.first.n_examples, described.first.n_rows) == (1, lengths[0])
    assert described.form["its examples are"] == "sequences"
    assert described.form["it has"] == ("sample weights" if weighs else "no sample weights")


@pytest.mark.parametrize("given", [([], []), (([], []),), (np.zeros((0, 2)), np.zeros(0)), ([],), (iter([]),)])
def test_a_part_without_examples_is_none(given):
    assert read(*given) is None
    assert (describe(None).n_examples, describe(None).n_rows) == (0, 0)


@pytest.mark.parametrize("n", [1, 5])
def test_a_tuple_of_too_few_or_too_many_is_refused(n):
    given = (PADDED, Y, None, None, None)[:n]
    with pytest.raises(ValueError, match=rf"a part must be a tuple \(x, target\) or .* but it is a tuple of {n}$"):
        read(given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (PADDED, "there is no target"),
        (SEQUENCES, "there is no target"),
        ([each[:2] for each in PADDED], "there is no target"),  # of two frames each, and no pairs
        ([(1.0, 2.0, 3.0)] * 3, r"each sequence must be of shape \(T_i, F\)"),
    ],
    ids=["padded", "listed", "of two frames", "tuples of three"],
)
def test_a_part_that_lacks_targets_is_refused_as_such(given, why):
    with pytest.raises(ValueError, match=why):
        read(given)


@pytest.mark.parametrize("y", [Y, Y[:, None], Y.astype(int)])
def test_static_examples_are_described(y):
    described = describe(read(np.ones((3, 2)), y, net=STATIC))
    assert described.form == {
        "its examples are": "static",
        "the shape of a frame is": "(2,)",
        "its targets are": "real numbers of shape (1,)",
        "it has": "no sample weights",
    }
    assert (described.n_examples, described.n_rows, described.lengths) == (3, 3, None)

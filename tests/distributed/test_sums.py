"""The parts that know no cluster: sums in a fixed order, who holds what, and the tree that requests go down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp.distributed.assignment import assign
from rnnbp.distributed.messages import Answer, Piece, Request
from rnnbp.distributed.sums import add_up, root


def summands(n):
    return np.random.default_rng(n).normal(size=(n, 30)).astype("float32") * 10.0 ** np.arange(n)[:, None]


@given(st.integers(1, 40), st.data())
def test_a_sum_has_the_same_bits_whoever_adds_what(n, data):
    values = summands(n)
    expected = root({(0, i): value for i, value in enumerate(values)}, n)
    owner = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    joined = {}
    for who in data.draw(st.permutations(range(5))):
        own = {(0, int(i)): values[i] for i in np.flatnonzero(owner == who)}
        joined = add_up(joined | add_up(own, n), n)
    assert list(joined) == [((n - 1).bit_length(), 0)]
    assert (root(joined, n) == expected).all()
    np.testing.assert_allclose(expected, values.sum(axis=0, dtype=np.float64), rtol=1e-5)


def test_neighbours_are_added_first_and_what_has_no_neighbour_goes_up_alone():
    a, b, c, d, e = summands(5)
    found = root({(0, i): value for i, value in enumerate((a, b, c, d, e))}, 5)
    assert (found == ((a + b) + (c + d)) + e).all()
    assert add_up({(0, 1): b, (0, 2): c, (0, 4): e}, 5).keys() == {(0, 1), (0, 2), (2, 1)}


def test_a_sum_that_lacks_a_summand_is_none():
    with pytest.raises(KeyError):
        root({(0, 0): np.zeros(2), (0, 2): np.zeros(2)}, 3)


@given(st.integers(1, 30), st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_workers_hold_equally_many_parts_and_as_few_as_possible_move(n_parts, sizes):
    held, before = {}, []
    for k, size in enumerate(sizes):
        workers = [f"w{i}" for i in range(k, k + size)]  # the first one has gone, and others have come or gone
        plan = assign(n_parts, workers, held)
        assert sorted(plan) == list(range(n_parts))
        counts = [list(plan.values()).count(worker) for worker in workers]
        assert max(counts) - min(counts) <= 1
        staying = set(before) & set(workers)
        moved = [part for part, worker in plan.items() if held.get(part) != worker]
        free = [part for part in range(n_parts) if held.get(part) not in staying]
        room = sum(plan_count(plan, worker) for worker in workers if worker not in staying)
        assert len(moved) <= max(len(free), room) + len(staying)
        assert assign(n_parts, workers, plan) == plan
        held, before = plan, workers


def plan_count(plan, worker):
    return list(plan.values()).count(worker)


@pytest.mark.parametrize(("n", "depth"), [(1, 1), (2, 2), (3, 2), (7, 3), (8, 4), (64, 7)])
def test_a_request_reaches_each_member_once_in_few_steps(n, depth):
    members = [(f"w{i}", {i: Piece(i, np.arange(1))}) for i in range(n)]
    reached = []

    def go(request, level):
        reached.append((level, request.members[0]))
        branches = request.branches()
        assert len(branches) <= 2
        for branch in branches:
            go(branch, level + 1)

    go(Request("holding", "gradient", np.zeros(1), members, n, b""), 1)
    assert sorted(address for _, (address, _) in reached) == sorted(address for address, _ in members)
    assert max(level for level, _ in reached) == depth


def test_answers_are_joined_in_all_that_they_say():
    one = Answer({(0, 0): np.ones(2)}, {0: "a"}, {}, {"w1"})
    one.join(Answer({(0, 1): np.ones(2)}, {}, {1: ValueError("b")}, {"w2"}), 2)
    assert one.sums.keys() == {(1, 0)}
    assert (one.sums[1, 0] == 2.0).all()
    assert (one.found, [*one.failed], one.lost) == ({0: "a"}, [1], {"w1", "w2"})

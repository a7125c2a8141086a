"""The parts that know no cluster: sums, who holds what, the tree that requests go down, and what a part does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnbp import Network, layers, losses, optimizers
from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed.assignment import assign
from rnnbp.distributed.messages import Answer, Piece, Request
from rnnbp.distributed.sums import add_up, root
from rnnbp.distributed.tasks import local_updates, split_state


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


def test_of_what_an_optimizer_remembers_real_numbers_a_parameter_are_averaged():
    theta = np.zeros(3, np.float32)
    state = optimizers.AdamW().init(theta, decayed=np.array([True, False, True]))
    averaged, rest = split_state(theta, state)
    assert averaged.keys() == {"m", "v"}
    assert rest.keys() == state.keys() - {"m", "v"}
    assert "decayed" in rest


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_a_part_s_updates_are_those_of_its_own_examples_alone(l2):
    """Two minibatches of which the part has two examples and one, and between them one of which it has none."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    net, loss, sgd = Network([layers.Dense(3, 1)], dtype="float64"), losses.MeanSquaredError(), optimizers.SGD(0.1)
    alone, data = Network([layers.Dense(3, 1)], dtype="float64"), TrainingSet(net.interface, x, target=y, loss=loss)
    chosen = [np.array([4, 1]), np.array([], int), np.array([2])]
    settings = {"epoch": 0, "seeds": (0, None), "l2": l2, "optimizer": sgd, "state": sgd.init(net.theta)}
    when = {"times": [0.0, 0.1, 0.2], "teacher_forcing": [1.0] * 3}
    joined, (total, shares, norms, n_rows, rest) = local_updates(
        net, data, loss, Piece(0, chosen), part=0, **settings, **when
    )
    expected, of_rows = 0.0, []
    for own in (chosen[0], chosen[2]):
        value, gradient = alone.loss_and_gradient(x[own], y[own], loss)
        decayed = alone.theta * alone.parameters.decayed
        gradient = gradient + l2 / len(own) * decayed
        expected += value * len(own) + l2 / 2 * decayed @ decayed
        of_rows.append(np.linalg.norm(gradient))
        alone.theta -= 0.1 * gradient
    np.testing.assert_allclose(joined, 3 * alone.theta)
    np.testing.assert_allclose(shares, [2, 0, 1])
    np.testing.assert_allclose(norms, [of_rows[0], 0, of_rows[1]])
    assert (total, n_rows, rest) == (pytest.approx(expected), 3, {})

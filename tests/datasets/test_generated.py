"""Tasks that are generated, against the papers' numbers and against definitions written a second time."""

import itertools
import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnbp import datasets
from rnnbp.datasets import dynamics

GENERATORS = {
    "adding_problem": lambda **options: datasets.make_adding_problem(20, 30, **options),
    "copy_memory": lambda **options: datasets.make_copy_memory(20, 30, **options),
    "temporal_order": lambda **options: datasets.make_temporal_order(20, 30, **options),
    "temporal_order_3": lambda **options: datasets.make_temporal_order(20, 30, n_relevant=3, **options),
    "reber": lambda **options: datasets.make_reber(20, **options),
    "embedded_reber": lambda **options: datasets.make_embedded_reber(20, **options),
    "anbn": lambda **options: datasets.make_anbn(20, **options),
    "mackey_glass": lambda **options: datasets.make_mackey_glass(3, 20, **options),
    "narma10": lambda **options: datasets.make_narma10(20, 30, **options),
    "cylinder_bell_funnel": lambda **options: datasets.make_cylinder_bell_funnel(20, **options),
    "control_charts": lambda **options: datasets.make_control_charts(20, **options),
    "two_patterns": lambda **options: datasets.make_two_patterns(20, **options),
}
every = pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS.keys())


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@every
def test_a_seed_gives_the_same_data_again_and_another_seed_does_not(make):
    X, y = make(random_state=7)
    again = make(random_state=np.random.default_rng(7))
    other = make(random_state=8)
    assert same(X, again[0])
    assert same(y, again[1])
    assert not same(X, other[0])


# X and y of seed 5, which published numbers stand on. Users notice a change, be it of NumPy's generators.
WEIGHED = {
    "adding_problem": (-1.499999, 0.458063),
    "copy_memory": (-12.335001, -8.504837),
    "temporal_order": (7.069817, -0.267658),
    "temporal_order_3": (5.032272, -2.427711),
    "reber": (-0.415553, 2.927259),
    "embedded_reber": (18.020355, 16.361188),
    "anbn": (-14.518004, -16.692863),
    "mackey_glass": (1.549870, 1.516941),
    "narma10": (0.960883, -0.794644),
    "cylinder_bell_funnel": (-3.323207, 1.002188),
    "control_charts": (193.870373, 0.091304),
    "two_patterns": (-35.719627, -0.683790),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_a_seed_gives_the_data_that_it_has_always_given(name):
    for arrays, expected in zip(GENERATORS[name](random_state=5), WEIGHED[name], strict=True):
        flat = np.concatenate([np.ravel(array) for array in arrays]).astype(float)
        assert flat @ np.cos(np.arange(flat.size)) == pytest.approx(expected, rel=1e-5, abs=1e-4)


@every
def test_a_generator_goes_on_from_call_to_call(make):
    rng = np.random.default_rng(7)
    assert not same(make(random_state=rng)[0], make(random_state=rng)[0])


@every
@pytest.mark.parametrize("dtype", ["float32", np.float64])
def test_inputs_have_the_dtype_asked_for_and_targets_it_or_int64(make, dtype):
    X, y = make(random_state=0, dtype=dtype)
    assert {x.dtype for x in X} == {np.dtype(dtype)}
    assert np.asarray(y[0]).dtype in (np.dtype(dtype), np.int64)


@every
def test_bad_seeds_and_dtypes_are_refused(make):
    with pytest.raises(TypeError, match=r"random_state must be a whole number, .* but 'seed' was given"):
        make(random_state="seed")
    with pytest.raises(ValueError, match="random_state must not be negative, but -1 was given"):
        make(random_state=-1)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, but 'float16' was given"):
        make(dtype="float16")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: datasets.make_adding_problem(0, 10), "n_samples must be a whole number of at least 1, but 0 was"),
        (lambda: datasets.make_adding_problem(5, 1), "n_steps must be a whole number of at least 2, but 1 was"),
        (lambda: datasets.make_adding_problem(5, 10.0), "n_steps must be a whole number .* but 10.0 was"),
        (lambda: datasets.make_adding_problem(True, 10), "n_samples must be a whole number .* but True was"),
        (lambda: datasets.make_copy_memory(5, 0), "n_steps must be .* at least 1"),
        (lambda: datasets.make_copy_memory(5, 9, n_symbols=1), "n_symbols must be .* at least 2"),
        (lambda: datasets.make_copy_memory(5, 9, n_memorize=0), "n_memorize must be .* at least 1"),
        (lambda: datasets.make_temporal_order(5, 9), "n_steps must be .* at least 10"),
        (lambda: datasets.make_temporal_order(5, n_relevant=5), "n_relevant must be 2, 3 or 4, but 5 was given"),
        (lambda: datasets.make_reber(-1), "n_samples must be .* at least 1"),
        (lambda: datasets.make_anbn(5, n_min=0), "n_min must be .* at least 1"),
        (lambda: datasets.make_anbn(5, n_min=4, n_max=3), "n_max must be a whole number of at least 4, but 3 was"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=0), "tau must be a positive multiple of 0.1, but 0 was"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=17.05), "tau must be a positive multiple of 0.1, but 17.05"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=np.nan), "tau must be a positive multiple of 0.1, but nan"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=np.inf), "tau must be a positive multiple of 0.1, but inf"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=0.04), "tau must be a positive multiple of 0.1, but 0.04"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=1e-9), "tau must be a positive multiple of 0.1, but 1e-09"),
        (lambda: datasets.make_mackey_glass(1, 10, tau=-0.1), "tau must be a positive multiple of 0.1, but -0.1"),
        (lambda: datasets.make_mackey_glass(1, 10, horizon=0), "horizon must be .* at least 1"),
        (lambda: datasets.make_narma10(1, 0), "n_steps must be .* at least 1"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "n_steps"),
    [
        (lambda: datasets.make_adding_problem(1, 2), 2),
        (lambda: datasets.make_copy_memory(1, 1, n_symbols=2, n_memorize=1), 3),
        (lambda: datasets.make_temporal_order(1, 10), 10),
        (lambda: datasets.make_anbn(1, n_min=1, n_max=1), 3),
        (lambda: datasets.make_mackey_glass(1, 1, tau=0.1), 1),
        (lambda: datasets.make_mackey_glass(1, 2, tau=1.0), 2),
        (lambda: datasets.make_narma10(1, 1), 1),
    ],
)
def test_the_least_of_each_parameter_is_taken(make, n_steps):
    X, y = make()
    assert len(X) == len(y) == 1
    assert len(X[0]) == n_steps
    assert np.isfinite(X[0]).all()


class TestAddingProblem:
    def test_one_number_is_marked_in_each_half_and_the_target_is_their_sum(self):
        X, y = datasets.make_adding_problem(500, 7, random_state=0)
        for row, total in zip(X, y, strict=True):
            first, second = np.flatnonzero(row[:, 1])
            assert first < 3 <= second
            assert total == row[first, 0] + row[second, 0]

    def test_the_best_constant_scores_a_sixth(self):
        _, y = datasets.make_adding_problem(20000, 20, random_state=0)
        assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, abs=0.004)

    def test_every_step_is_marked_sometimes_and_equally_often_in_its_half(self):
        X, _ = datasets.make_adding_problem(8000, 4, random_state=0)
        assert X[..., 1].mean(axis=0) == pytest.approx(0.5, abs=0.02)


class TestCopyMemory:
    def test_what_was_shown_is_asked_for_after_the_delimiter(self):
        X, y = datasets.make_copy_memory(50, 30, n_symbols=5, n_memorize=4, random_state=0)
        seen = X.argmax(axis=2)
        assert X.shape == (50, 38, 7)
        assert np.array_equal(X.sum(axis=2), np.ones((50, 38)))
        for row, answer in zip(seen.tolist(), y.tolist(), strict=True):
            shown = row[:4]
            assert max(shown) < 5
            assert row == [*shown, *29 * [5], 6, *4 * [5]]
            assert answer == [*34 * [5], *shown]

    def test_all_symbols_are_shown_equally_often(self):
        X, _ = datasets.make_copy_memory(4000, 1, random_state=0)
        assert X[:, :10, :8].mean(axis=(0, 1)) == pytest.approx(1 / 8, abs=0.01)


class TestTemporalOrder:
    @pytest.mark.parametrize(
        ("n_relevant", "places"),
        [
            (2, [(10, 20), (50, 60)]),
            (3, [(10, 20), (33, 43), (66, 76)]),
            (4, [(10, 20), (30, 40), (50, 60), (70, 80)]),
        ],
    )
    def test_the_class_is_the_order_of_xs_and_ys_where_they_are_to_be(self, n_relevant, places):
        X, y = datasets.make_temporal_order(300, n_relevant=n_relevant, random_state=0)
        classes = ["".join(order) for order in itertools.product("XY", repeat=n_relevant)]
        for string, found in zip(datasets.decode(X, "EBabcdXY"), y, strict=True):
            assert re.fullmatch("E[a-dXY]{98}B", string)
            assert "".join(re.findall("[XY]", string)) == classes[found]
            for (first, last), match in zip(places, re.finditer("[XY]", string), strict=True):
                assert first <= match.start() < last

    @pytest.mark.parametrize("n_steps", [10, 11, 37])
    @pytest.mark.parametrize("n_relevant", [2, 3, 4])
    def test_short_sequences_have_all_their_relevant_symbols(self, n_steps, n_relevant):
        X, _ = datasets.make_temporal_order(200, n_steps, n_relevant=n_relevant, random_state=0)
        assert np.array_equal(X[..., 6:].sum(axis=(1, 2)), np.full(200, n_relevant))

    def test_classes_are_balanced(self):
        _, y = datasets.make_temporal_order(4000, 10, n_relevant=3, random_state=0)
        assert np.bincount(y) / 4000 == pytest.approx(1 / 8, abs=0.02)


# The Reber grammar as a regular expression, worked out by hand from the diagram: after "P...V" come "V", or "P" and
# what may follow an "X" of the upper way; the upper way ends in "S", or goes on over "X" to the lower one.
LOWER = "T*V"
UPPER = f"(?:X{LOWER}P)*(?:S|X{LOWER}V)"
REBER = f"B(?:TS*X{UPPER}|P{LOWER}(?:V|P{UPPER}))E"
EMBEDDED = f"B(?:T{REBER}T|P{REBER}P)E"


def endings(X, y):
    """Strings whose last symbol is the only one that may come last."""
    return [
        shown + "".join(itertools.compress(datasets.REBER_SYMBOLS, last[-1]))
        for shown, last in zip(datasets.decode(X, datasets.REBER_SYMBOLS), y, strict=True)
    ]


class TestReber:
    @pytest.mark.parametrize(
        ("make", "expression"), [(datasets.make_reber, REBER), (datasets.make_embedded_reber, EMBEDDED)]
    )
    def test_every_string_matches_the_regular_expression(self, make, expression):
        for string in endings(*make(1000, random_state=0)):
            assert re.fullmatch(expression, string), string

    @pytest.mark.parametrize(("embedded", "expression", "longest"), [(False, REBER, 8), (True, EMBEDDED, 9)])
    def test_is_reber_agrees_with_the_regular_expression_on_all_short_strings(self, embedded, expression, longest):
        accept = re.compile(expression).fullmatch
        inner = longest - (4 if embedded else 2)
        n_legal = 0
        for middle in itertools.product("TSXPVEB" if embedded else "TSXPV", repeat=inner):
            for start, end in (("BT", "TE"), ("BP", "PE"), ("BT", "PE")) if embedded else (("B", "E"),):
                string = start + "".join(middle) + end
                assert datasets.is_reber(string, embedded=embedded) == bool(accept(string))
                n_legal += bool(accept(string))
        assert n_legal > 0

    @pytest.mark.parametrize("string", ["", "B", "BTXSEE", "BTXSE\n", "btxse", "BTXS?E", "E"])
    def test_what_is_no_string_of_the_grammar_is_not_legal(self, string):
        assert not datasets.is_reber(string)

    def test_known_strings(self):
        assert all(map(datasets.is_reber, ["BTXSE", "BPVVE", "BTSXXTVVE", "BPVPXVVE"]))
        assert datasets.is_reber("BTBTXSETE", embedded=True)
        assert not datasets.is_reber("BTBTXSEPE", embedded=True)

    @pytest.mark.parametrize("embedded", [False, True])
    def test_the_target_marks_exactly_the_symbols_that_some_legal_string_goes_on_with(self, embedded):
        make = datasets.make_embedded_reber if embedded else datasets.make_reber
        marked = dict(targets(*make(4000, random_state=0)))
        # Every prefix that has been seen goes on, in some string, with each marked symbol and with no other.
        followed = {}
        for string in endings(*make(4000, random_state=0)):
            for k in range(1, len(string)):
                followed.setdefault(string[:k], set()).add(string[k])
        common = [prefix for prefix in followed if len(prefix) <= 5]
        assert len(common) > 10
        for prefix in common:
            assert set(marked[prefix]) == followed[prefix], prefix

    def test_forks_are_taken_equally_often(self):
        X, _ = datasets.make_embedded_reber(4000, random_state=0)
        assert np.mean([x[1, 1] for x in X]) == pytest.approx(0.5, abs=0.03)

    def test_strings_are_as_long_as_the_documentation_says(self):
        assert np.mean([len(s) for s in endings(*datasets.make_reber(4000, random_state=0))]) == pytest.approx(
            8, abs=0.2
        )


def targets(X, y):
    """Pairs of a prefix and the symbols that are marked after it."""
    for shown, rows in zip(datasets.decode(X, datasets.REBER_SYMBOLS), y, strict=True):
        for k, row in enumerate(rows, start=1):
            yield shown[:k], "".join(itertools.compress(datasets.REBER_SYMBOLS, row))


class TestAnbn:
    def test_strings_and_targets_written_out(self):
        X, y = datasets.make_anbn(3, n_min=3, n_max=3, random_state=0)
        assert datasets.decode(X, datasets.ANBN_SYMBOLS) == 3 * ["Saaabbb"]
        marked = ["".join(itertools.compress("SabT", row)) for row in y[0]]
        assert marked == ["a", "ab", "ab", "ab", "b", "b", "T"]

    def test_n_is_drawn_from_both_ends_included(self):
        X, y = datasets.make_anbn(300, n_min=1, n_max=4, random_state=0)
        assert {len(x) for x in X} == {3, 5, 7, 9}
        assert all(x.shape == target.shape for x, target in zip(X, y, strict=True))


def mackey_glass_by_scipy(history, tau, until):
    """Method of steps: on each interval of length tau the delayed value is the solution on the one before."""
    pieces = [lambda t: history]
    value = history
    for k in range(int(np.ceil(until / tau))):

        def slope(t, x, before=pieces[-1]):
            delayed = before(t - tau)
            return 0.2 * delayed / (1 + delayed**10) - 0.1 * x

        run = solve_ivp(slope, (k * tau, (k + 1) * tau), [value], rtol=1e-10, atol=1e-12, dense_output=True)
        pieces.append(lambda t, run=run: run.sol(t)[0])
        value = run.y[0, -1]
    return lambda t: pieces[1 + int(t // tau)](t)


class TestMackeyGlass:
    @pytest.mark.parametrize(("history", "tau"), [(1.2, 17.0), (0.6, 30.0)])
    def test_the_solution_agrees_with_scipys(self, history, tau):
        expected = mackey_glass_by_scipy(history, tau, 150)
        found = dynamics.integrate_mackey_glass(np.array([history]), 1499, round(tau * 10))[:, 0]
        assert found[::10] == pytest.approx([expected(t) for t in range(150)], abs=1e-7)

    def test_the_target_is_the_series_some_steps_later(self):
        X, y = datasets.make_mackey_glass(2, 50, horizon=6, random_state=0)
        assert X.shape == y.shape == (2, 50, 1)
        assert np.array_equal(X[:, 6:], y[:, :-6])

    def test_the_series_is_the_solution_a_unit_of_time_apart_once_settled(self):
        X, _ = datasets.make_mackey_glass(2, 30, dtype="float64", random_state=0)
        history = np.random.default_rng(0).uniform(0.5, 1.3, 2)
        solution = dynamics.integrate_mackey_glass(history, 5300, 170)
        assert np.array_equal(X[..., 0].T, solution[5000:5300:10])

    def test_it_stays_on_the_known_attractor(self):
        X, _ = datasets.make_mackey_glass(4, 600, random_state=0)
        assert 0.38 < X.min() < 0.5
        assert 1.25 < X.max() < 1.4
        assert X.mean() == pytest.approx(0.93, abs=0.03)
        assert X.std() == pytest.approx(0.23, abs=0.03)


class TestNarma10:
    def test_the_recurrence_holds_from_rest(self):
        X, y = datasets.make_narma10(5, 60, dtype="float64", random_state=0)
        for u, answers in zip(X[..., 0], y[..., 0], strict=True):
            state = [0.0]
            for t in range(60):
                recent = sum(state[max(t - 9, 0) : t + 1])
                product = u[t - 9] * u[t] if t >= 9 else 0.0
                state.append(0.3 * state[t] + 0.05 * state[t] * recent + 1.5 * product + 0.1)
            assert answers == pytest.approx(state[1:], rel=1e-12)

    def test_inputs_fill_the_papers_range(self):
        X, _ = datasets.make_narma10(50, 200, random_state=0)
        assert X.min() >= 0
        assert X.max() <= 0.5
        assert X.mean() == pytest.approx(0.25, abs=0.005)

    def test_no_series_runs_away(self):
        seed = 1
        u = np.random.default_rng(seed).uniform(0, 0.5, (300, 1000))
        assert not np.all(dynamics.respond_narma10(u).max(axis=1) <= 1)  # some do without the guard
        _, y = datasets.make_narma10(300, 1000, random_state=seed)
        assert np.all(np.isfinite(y))
        assert y.max() <= 1

    def test_series_that_are_too_long_to_stay_bounded_are_refused(self, monkeypatch):
        monkeypatch.setattr(dynamics, "respond_narma10", lambda u: np.full(u.shape, np.nan))
        with pytest.raises(ValueError, match="as long as 20 steps hardly any stays bounded: make more, shorter ones"):
            datasets.make_narma10(3, 20, random_state=0)

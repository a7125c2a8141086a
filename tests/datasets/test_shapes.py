"""Series to be classified by their shape, against the numbers in their definitions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp import datasets

MAKERS = {
    "cylinder_bell_funnel": (datasets.make_cylinder_bell_funnel, 128, 3),
    "control_charts": (datasets.make_control_charts, 60, 6),
    "two_patterns": (datasets.make_two_patterns, 128, 4),
}
every = pytest.mark.parametrize(("make", "n_steps", "n_classes"), MAKERS.values(), ids=MAKERS)


@every
def test_there_are_as_many_of_each_class_in_an_order_that_tells_nothing(make, n_steps, n_classes):
    X, y = make(1000, random_state=0)
    assert X.shape == (1000, n_steps, 1)
    counts = np.bincount(y)
    assert len(counts) == n_classes
    assert counts.max() - counts.min() <= 1
    assert abs(np.corrcoef(np.arange(1000), y)[0, 1]) < 0.1


@every
@pytest.mark.parametrize("length", [16, 19, 300])
def test_series_may_be_of_any_length(make, n_steps, n_classes, length):
    X, _ = make(50, length, random_state=0)
    assert X.shape == (50, length, 1)
    assert np.isfinite(X).all()


@pytest.mark.parametrize(
    ("make", "least"),
    [(datasets.make_cylinder_bell_funnel, 8), (datasets.make_control_charts, 3), (datasets.make_two_patterns, 16)],
)
def test_what_is_too_short_for_the_shape_is_refused(make, least):
    make(5, least, random_state=0)
    with pytest.raises(ValueError, match=f"n_steps must be a whole number of at least {least}, but {least - 1} was"):
        make(5, least - 1)


class TestCylinderBellFunnel:
    """The mean series of a class is 6 times the probability of being in the bump, weighted by its shape."""

    def test_mean_series_are_those_of_the_definition(self):
        X, y = datasets.make_cylinder_bell_funnel(9000, dtype="float64", random_state=0)
        expected = np.zeros((3, 128))
        for a in range(16, 33):
            for width in range(32, 97):
                t = np.arange(a, a + width + 1)
                shapes = np.ones(width + 1), (t - a) / width, (a + width - t) / width
                expected[:, t - 1] += 6 * np.array(shapes) / (17 * 65)
        for k in range(3):  # 3000 series: of a standard deviation of at most 4, the mean's is 0.07
            assert_allclose(X[y == k, :, 0].mean(axis=0), expected[k], atol=0.3)

    def test_noise_and_height_are_of_unit_variance(self):
        X, y = datasets.make_cylinder_bell_funnel(9000, dtype="float64", random_state=0)
        assert X[:, :15].std() == pytest.approx(1, abs=0.01)  # before any bump
        cylinders = X[y == 0, 32:48, 0]  # within each bump
        assert cylinders.var(axis=1, ddof=1).mean() == pytest.approx(1, abs=0.03)
        assert cylinders.mean(axis=1).var() == pytest.approx(1 + 1 / 16, abs=0.1)
        assert cylinders.mean() == pytest.approx(6, abs=0.1)


class TestControlCharts:
    X, y = datasets.make_control_charts(6000, dtype="float64", random_state=0)
    X = X[..., 0]

    def test_a_process_in_order_is_uniform_around_30(self):
        normal = self.X[self.y == 0]
        assert 24 <= normal.min() < 24.01
        assert 35.99 < normal.max() <= 36
        assert normal.mean() == pytest.approx(30, abs=0.05)
        assert normal.var() == pytest.approx(12**2 / 12, abs=0.1)

    def test_cycles_have_periods_from_10_to_15(self):
        cyclic = self.X[self.y == 1] - 30
        power = np.abs(np.fft.rfft(cyclic, 6000, axis=1)) ** 2
        period = 6000 / power.argmax(axis=1)
        assert 9.5 < period.min() < 10.5
        assert 14.5 < period.max() < 15.7
        assert cyclic.var() == pytest.approx(12 + 12.5**2 / 2 + 25 / 24, abs=2)  # of a uniform amplitude: E a^2 / 2

    @pytest.mark.parametrize(("label", "sign"), [(2, 1), (3, -1)])
    def test_trends_have_slopes_from_a_fifth_to_a_half(self, label, sign):
        t = np.arange(1, 61)
        slopes, levels = np.polyfit(t, self.X[self.y == label].T, 1)
        error = 12**0.5 / np.sqrt(((t - t.mean()) ** 2).sum())  # of a slope: 0.026
        assert 0.2 - 4 * error < (sign * slopes).min() < 0.2 + error
        assert 0.5 - error < (sign * slopes).max() < 0.5 + 4 * error
        assert (sign * slopes).mean() == pytest.approx(0.35, abs=0.01)
        assert levels.mean() == pytest.approx(30, abs=0.15)

    @pytest.mark.parametrize(("label", "sign"), [(4, 1), (5, -1)])
    def test_shifts_come_in_the_middle_third(self, label, sign):
        deviation = sign * (self.X[self.y == label] - 30)
        assert deviation[:, :19].mean() == pytest.approx(0, abs=0.1)
        assert deviation[:, 40:].mean() == pytest.approx(13.75, abs=0.4)
        share = deviation.mean(axis=0)[19:40] / deviation[:, 40:].mean()
        assert_allclose(share, (np.arange(20, 41) - 20) / 20, atol=0.07)  # of those that have shifted by t


class TestTwoPatterns:
    X, y = datasets.make_two_patterns(5000, dtype="float64", random_state=0)
    X = X[..., 0]

    def test_each_series_has_two_steps_in_the_order_that_its_class_says(self):
        for row, label in zip(self.X[:400], self.y, strict=False):
            flat = np.concatenate([[0], np.where(np.abs(row) == 5, np.sign(row), 0)])
            runs = [(flat[k], len(run)) for k, run in _runs(flat) if flat[k]]
            levels = np.concatenate([np.full(n, sign) for sign, n in runs])
            cuts = np.flatnonzero(np.diff(levels))
            ups = [levels[0] < 0, levels[-1] > 0]
            assert label == 2 * (not ups[0]) + (not ups[1])
            assert len(cuts) in (2, 3)  # up and down may touch: up's second half is as high as down's first
            assert 32 <= len(levels) <= 64

    def test_halves_are_as_long(self):
        assert np.abs((self.X == 5).sum(axis=1) - (self.X == -5).sum(axis=1)).max() <= 2

    def test_they_agree_with_the_published_series(self):
        """Of the 5,000 series of the archive at timeseriesclassification.com: extremes and quartiles."""
        scaled = (self.X - self.X.mean(axis=1, keepdims=True)) / self.X.std(axis=1, ddof=1, keepdims=True)
        assert [scaled.min(), scaled.max()] == pytest.approx([-1.939, 1.939], abs=0.02)
        assert np.quantile(scaled, [0.25, 0.5, 0.75]) == pytest.approx([-0.406, 0.0, 0.407], abs=0.01)

    def test_the_noise_is_normal(self):
        noise = self.X[np.abs(self.X) != 5]
        assert noise.std() == pytest.approx(1, abs=0.01)
        assert (np.abs(noise) < 1.96).mean() == pytest.approx(0.95, abs=0.005)

    def test_steps_may_begin_and_end_a_series(self):
        assert_array_equal((np.abs(self.X[:, [0, -1]]) == 5).any(axis=0), [True, True])


def _runs(values):
    begins = np.flatnonzero(np.diff(values)) + 1
    return zip(begins, np.split(values, begins)[1:], strict=True)

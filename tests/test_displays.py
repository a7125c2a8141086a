"""Displays show the numbers of fitted estimators: what is drawn is compared with what was fitted or given."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rnnbp import MLPClassifier
from rnnbp.history import History
from rnnbp.plotting import ForecastDisplay, LossCurveDisplay

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def classifier(table):
    return MLPClassifier((4,), max_iter=5, early_stopping=True, random_state=0).fit(*table)


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# Loss curves ----------------------------------------------------------------------------------------------------------


def test_loss_curves_show_losses_and_scores_of_each_epoch(classifier, ax):
    display = LossCurveDisplay.from_estimator(classifier, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    losses, scores = lines(display.ax_), lines(display.score_ax_)
    np.testing.assert_array_equal(losses["training"][:, 1], classifier.loss_curve_)
    np.testing.assert_array_equal(losses["validation"][:, 1], classifier.validation_loss_curve_)
    np.testing.assert_array_equal(scores["validation score"].T, [[1, 2, 3, 4, 5], classifier.validation_scores_])


def test_loss_curves_mark_the_epoch_of_the_best_score_if_scores_decide(classifier, ax):
    display = LossCurveDisplay.from_estimator(classifier, ax=ax)
    best = int(np.argmax(classifier.validation_scores_))
    np.testing.assert_array_equal(
        lines(display.ax_)[f"best, in epoch {best + 1}"], [[best + 1, classifier.validation_loss_curve_[best]]]
    )


def test_loss_curves_without_validation_have_no_axis_for_scores(table, ax):
    display = LossCurveDisplay.from_estimator(MLPClassifier((2,), max_iter=3).fit(*table), ax=ax)
    assert display.score_ax_ is None
    assert set(lines(display.ax_)) == {"training", "best, in epoch 3"}


def test_loss_curves_of_several_estimators_share_both_axes_and_a_legend(table, classifier, ax):
    first = LossCurveDisplay.from_estimator(classifier, ax=ax, name="A")
    second = LossCurveDisplay.from_estimator(classifier, ax=ax, name="B")
    third = LossCurveDisplay.from_estimator(MLPClassifier((2,), max_iter=3).fit(*table), ax=ax, name="C")
    assert first.score_ax_ is second.score_ax_ is third.score_ax_
    assert len(ax.figure.axes) == 2
    assert legend(ax) == [
        *("A: training", "A: validation", "B: training", "B: validation", "C: training"),
        *("A: validation score", "B: validation score"),
    ]


def test_loss_curves_are_found_at_the_end_of_pipelines_and_searches(table, ax):
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((2,), max_iter=3))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1]}, cv=2).fit(*table)
    display = LossCurveDisplay.from_estimator(search, ax=ax)
    assert lines(display.ax_)["training"][:, 1].tolist() == search.best_estimator_[-1].loss_curve_


def test_loss_curves_of_a_history_are_drawn_again_into_other_axes(ax):
    display = LossCurveDisplay(History(loss=[2.0, 1.0], validation_loss=[3.0, 2.0], best_epoch=1)).plot(ax)
    again = Figure().subplots()
    assert display.plot(again) is display
    assert display.ax_ is again
    np.testing.assert_array_equal(lines(again)["validation"], lines(ax)["validation"])


def test_what_has_no_loss_curve_is_an_error(table, ax):
    with pytest.raises(TypeError, match="LogisticRegression has no loss_curve_: expected one of rnnbp's estimators"):
        LossCurveDisplay.from_estimator(LogisticRegression().fit(*table), ax=ax)
    with pytest.raises(NotFittedError, match="MLPClassifier instance is not fitted"):
        LossCurveDisplay.from_estimator(MLPClassifier(), ax=ax)


# Forecasts ------------------------------------------------------------------------------------------------------------

PAST, FORECAST = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0])
INTERVALS = {0.5: (FORECAST - 0.5, FORECAST + 0.5), 0.9: (FORECAST - 2, FORECAST + 2)}


def test_a_forecast_goes_on_from_the_last_known_value(ax):
    display = ForecastDisplay.from_predictions(PAST, FORECAST, actual=[3.5], ax=ax)
    drawn = lines(display.ax_)
    assert drawn["known"].tolist() == [[-2, 1], [-1, 2], [0, 3]]
    assert drawn["forecast"].tolist() == display.line_.get_xydata().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert drawn["what came"].tolist() == [[0, 3], [1, 3.5]]


def test_intervals_are_a_fan_that_is_darker_where_it_is_narrower(ax):
    display = ForecastDisplay.from_predictions(PAST, FORECAST[:, None], intervals=INTERVALS, ax=ax)
    assert legend(ax) == ["known", "90% interval", "50% interval", "forecast"]
    [corners] = [path.vertices for path in display.fan_[0.9].get_paths()]
    for corner in ([0, 3], [1, 2], [1, 6], [2, 3], [2, 7]):
        assert corner in corners.tolist()
    assert display.fan_[0.5].get_alpha() > display.fan_[0.9].get_alpha() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"past": []}, r"past must be one number a step, of shape \(steps,\), but its shape is \(0,\)"),
        ({"forecast": np.zeros((2, 2))}, r"forecast must be one number a step"),
        ({"intervals": {80: INTERVALS[0.9]}}, r"coverage is between 0 and 1 \(0.8 for 80 %\), but 80 was given"),
        ({"intervals": {0.8: ([1.0], [2.0])}}, "the 0.8 interval has 1 and 1 ends for 2 steps"),
        ({"intervals": {0.8: INTERVALS[0.9][::-1]}}, "the 0.8 interval is upside down at step 1"),
        ({"actual": np.zeros(3)}, "actual has 3 values, but the forecast only 2"),
    ],
)
def test_a_forecast_that_does_not_fit_together_is_an_error(ax, change, message):
    given = {"past": PAST, "forecast": FORECAST} | change
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions(**given, ax=ax)


# All ------------------------------------------------------------------------------------------------------------------


def test_without_axes_a_new_figure_is_made(classifier):
    mpl.use("Agg")
    from matplotlib import pyplot

    displays = [LossCurveDisplay.from_estimator(classifier), ForecastDisplay.from_predictions(PAST, FORECAST)]
    assert [display.figure_.number for display in displays] == pyplot.get_fignums()
    pyplot.close("all")

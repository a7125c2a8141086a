"""Displays show the numbers of fitted estimators: what is drawn is compared with what was fitted or given."""

import librosa
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from toys import TEXT

from rnnbp import MLPClassifier, RNNClassifier, RNNForecaster, RNNRegressor, RNNTagger, diagnostics
from rnnbp.audio import AudioFeatures
from rnnbp.plotting import (
    ActivationsDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    SaliencyDisplay,
)
from rnnbp.preprocessing import SequenceScaler, SlidingWindow
from rnnbp.training.history import History

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


@pytest.mark.parametrize("series", [[np.ones(30), np.ones(20)], np.ones((2, 30))], ids=["list", "array"])
def test_a_forecast_of_many_series_says_how_one_is_drawn(series, ax):
    with pytest.raises(ValueError, match=r"one series at a time, from_estimator\(estimator, series\[i\]\)"):
        ForecastDisplay.from_estimator(RNNForecaster(), series, 5, ax=ax)


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
        lines(display.ax_)[f"best by validation score, epoch {best + 1}"],
        [[best + 1, classifier.validation_loss_curve_[best]]],
    )


def test_loss_curves_without_validation_have_no_axis_for_scores(table, ax):
    display = LossCurveDisplay.from_estimator(MLPClassifier((2,), max_iter=3).fit(*table), ax=ax)
    assert display.score_ax_ is None
    assert set(lines(display.ax_)) == {"training"}


def test_loss_curves_of_several_estimators_share_both_axes_and_a_legend(table, classifier, ax):
    first = LossCurveDisplay.from_estimator(classifier, ax=ax, name="A")
    second = LossCurveDisplay.from_estimator(classifier, ax=ax, name="B")
    third = LossCurveDisplay.from_estimator(MLPClassifier((2,), max_iter=3).fit(*table), ax=ax, name="C")
    assert first.score_ax_ is second.score_ax_ is third.score_ax_
    assert len(ax.figure.axes) == 2
    best = 1 + int(np.argmax(classifier.validation_scores_))
    of_each = ("training", "validation", f"best by validation score, epoch {best}")
    assert legend(ax) == [
        *(f"{name}: {what}" for name in "AB" for what in of_each),
        *("C: training", "A: validation score", "B: validation score"),
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


@pytest.fixture(scope="module")
def forecaster():
    return RNNForecaster(4, window=8, max_iter=5, gradient=TEXT, random_state=0).fit(np.sin(np.arange(60.0)))


def test_a_forecasters_own_forecast_and_intervals_are_drawn(forecaster, ax):
    series = np.sin(np.arange(30.0))
    display = ForecastDisplay.from_estimator(forecaster, series, 5, coverages=(0.5, 0.9), n_known=10, ax=ax)
    np.testing.assert_array_equal(display.past, series[-10:])
    np.testing.assert_allclose(display.forecast, forecaster.predict(series, 5))
    for coverage in (0.5, 0.9):
        np.testing.assert_allclose(
            display.intervals[coverage], forecaster.predict_interval(series, 5, coverage=coverage), rtol=1e-6
        )


def test_a_forecast_with_covariates_is_drawn(ax):
    series, price = np.sin(np.arange(60.0)), np.cos(np.arange(65.0))
    settings = {"window": 8, "max_iter": 2, "gradient": TEXT, "random_state": 0}
    forecaster = RNNForecaster(4, **settings).fit(series, future_covariates=price)
    display = ForecastDisplay.from_estimator(forecaster, series, 5, future_covariates=price, coverages=(0.9,), ax=ax)
    np.testing.assert_allclose(display.forecast, forecaster.predict(5))
    np.testing.assert_allclose(display.intervals[0.9], forecaster.predict_interval(5, coverage=0.9))


def test_a_forecaster_is_not_asked_for_what_is_no_coverage(forecaster, ax):
    with pytest.raises(ValueError, match="coverage is between 0 and 1"):
        ForecastDisplay.from_estimator(forecaster, np.zeros(30), coverages=[95], ax=ax)


WEEKLY = pd.Series(np.sin(np.arange(60.0)), pd.date_range("2020-01-05", periods=60, freq="W"), name="sales")


@pytest.fixture(scope="module")
def dated():
    return RNNForecaster(4, window=8, max_iter=2, gradient=TEXT, random_state=0).fit(WEEKLY)


@pytest.mark.parametrize("given", [{}, {"series": WEEKLY}, {"series": WEEKLY.to_frame()}], ids=["fit", "row", "table"])
def test_the_axes_of_a_series_with_dates_and_a_name_show_them(given, ax):
    model = RNNForecaster(4, window=8, max_iter=2, gradient=TEXT, random_state=0).fit(given.get("series", WEEKLY))
    display = ForecastDisplay.from_estimator(model, **given, h=5, n_known=3, actual=[0.5], ax=ax)
    np.testing.assert_array_equal(display.dates, pd.date_range("2021-02-07", periods=8, freq="W"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("", "sales")
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["known"], display.dates[:3])
    np.testing.assert_array_equal(drawn["forecast"], display.dates[2:])
    np.testing.assert_array_equal(drawn["what came"], display.dates[2:4])
    ax.figure.canvas.draw()
    assert "Mar" in [label.get_text() for label in ax.get_xticklabels()]


def test_a_forecast_of_what_was_fitted_needs_no_series(dated, forecaster, ax, tmp_path):
    display = ForecastDisplay.from_estimator(dated, 5, ax=ax)
    np.testing.assert_allclose(display.forecast, dated.predict(5))
    np.testing.assert_allclose(display.past, WEEKLY[-9:])  # window + 1 values are remembered
    dated.save(tmp_path / "model")
    again = ForecastDisplay.from_estimator(RNNForecaster.load(tmp_path / "model"), 5, ax=Figure().subplots())
    np.testing.assert_array_equal(again.dates, display.dates)
    assert again.name == "sales"
    plain = ForecastDisplay.from_estimator(forecaster, h=2, ax=Figure().subplots())
    assert plain.dates is None
    assert (plain.ax_.get_xlabel(), plain.ax_.get_ylabel()) == ("steps ahead", "value")


def test_a_forecast_of_several_series_that_were_fitted_says_how_one_is_drawn(ax):
    several = RNNForecaster(4, window=8, max_iter=2, gradient=TEXT, random_state=0).fit([WEEKLY, WEEKLY])
    with pytest.raises(
        ValueError, match=r"fitted to a list or table of 2 series: .* from_estimator\(estimator, series"
    ):
        ForecastDisplay.from_estimator(several, 5, ax=ax)
    with pytest.raises(NotFittedError):
        ForecastDisplay.from_estimator(RNNForecaster(), 5, ax=ax)


def test_dates_of_a_past_are_drawn_on_from(ax):
    days = pd.Series([1.0, 2.0, 3.0], pd.timedelta_range(0, periods=3, freq="D"))
    assert ForecastDisplay.from_predictions(days, FORECAST, ax=ax).dates is None  # durations are no dates
    display = ForecastDisplay.from_predictions(WEEKLY, FORECAST, ax=ax)
    np.testing.assert_array_equal(display.dates[-2:], pd.date_range("2021-02-28", periods=2, freq="W"))
    with pytest.raises(ValueError, match="the dates of past must increase"):
        ForecastDisplay.from_predictions(WEEKLY[::-1], FORECAST, ax=ax)


# What the network does ------------------------------------------------------------------------------------------------

RNN = {"gradient": TEXT, "max_iter": 2, "random_state": 0}


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, 3)) for length in (4, 7, 5, 6, 3, 8)]


@pytest.fixture(scope="module")
def three_classes(sequences):
    return make_pipeline(SequenceScaler(), RNNClassifier(4, **RNN)).fit(sequences, list("abcabc"))


@pytest.fixture(scope="module")
def two_classes(sequences):
    return RNNClassifier(4, "lstm", **RNN).fit(sequences, ["no", "yes"] * 3)


def test_saliency_is_drawn_over_the_sequence_as_the_network_sees_it(three_classes, sequences, ax):
    display = SaliencyDisplay.from_estimator(three_classes, sequences[1], target="b", ax=ax)
    scaled = three_classes[0].transform(sequences[1:2])
    expected = diagnostics.saliency(three_classes[1].network_, scaled, 1)
    np.testing.assert_allclose(display.contribution, expected.contribution[:, 0])
    below, above = ax.images
    np.testing.assert_allclose(below.get_array(), scaled[0].T)
    assert display.image_ is above
    np.testing.assert_allclose(above.get_array(), display.contribution.T)
    assert ax.get_title().endswith(" b")


def test_saliency_explains_the_answer_that_is_given_unless_another_is_asked_for(three_classes, sequences, ax):
    display = SaliencyDisplay.from_estimator(three_classes, sequences[1], ax=ax)
    assert display.answer == three_classes.predict(sequences[1:2])[0]


def test_saliency_for_one_of_two_classes_is_that_against_the_other(two_classes, sequences, ax):
    yes, no = (SaliencyDisplay.from_estimator(two_classes, sequences[1], target=t, ax=ax) for t in ("yes", "no"))
    np.testing.assert_array_equal(yes.contribution, -no.contribution)
    expected = diagnostics.saliency(two_classes.network_, sequences[1:2], 0)
    np.testing.assert_allclose(yes.contribution, expected.contribution[:, 0])
    given = SaliencyDisplay.from_estimator(two_classes, sequences[1], ax=ax)
    assert given.answer == two_classes.predict(sequences[1:2])[0]


def test_the_strongest_contributions_are_in_full_colour_and_zero_is_clear(ax):
    contribution = np.zeros((10, 20))
    contribution[3, 4], contribution[:, 7] = -9.0, 1.0
    SaliencyDisplay(np.ones((10, 20)), contribution, answer="x").plot(ax)
    alpha = ax.images[1].get_alpha()
    assert (alpha[0, 0], alpha[4, 3], alpha[7, 5]) == (0, 1, 1)
    low, high = ax.images[1].get_clim()
    assert low == -high


@pytest.mark.parametrize("n_features", [1, 3, 20])
def test_features_without_names_are_counted_in_whole_numbers(n_features, ax):
    x = np.ones((3, n_features))
    SaliencyDisplay(x, x, answer="x").plot(ax)
    ticks = ax.get_yticks()
    assert len(ticks)
    assert all(tick.is_integer() for tick in ticks)


def test_features_have_names_unless_there_are_too_many(ax):
    x = np.ones((3, 40))
    SaliencyDisplay(x, x, answer="x", feature_names=[f"f{k}" for k in range(40)]).plot(ax)
    shown = {label.get_text(): label.get_position()[1] for label in ax.get_yticklabels()}
    assert 8 < len(shown) <= 16
    assert all(name == f"f{place}" for name, place in shown.items())


def test_bands_of_sound_are_named_by_frequency_and_frames_by_time(ax):
    waves = np.random.default_rng(0).normal(size=(4, 4000))
    front = (AudioFeatures(8000, n_mels=12, hop_length=0.02, deltas=1), SlidingWindow(1, step=3), SequenceScaler())
    pipeline = make_pipeline(*front, RNNClassifier(2, **RNN)).fit(waves, list("abab"))
    display = SaliencyDisplay.from_estimator(pipeline, waves[0], ax=ax)
    edges = librosa.mel_frequencies(14, fmin=20.0, fmax=4000.0)
    assert display.feature_names[3] == f"{edges[4]:.0f} Hz_+0"
    assert display.feature_names[12] == f"delta {edges[1]:.0f} Hz_+0"
    assert ax.get_xlabel() == "time (ms)"
    assert ax.xaxis.get_major_formatter()(2, 0) == "120"
    *_, bar, greys = ax.figure.axes
    assert bar.get_ylabel() == "gradient × input"
    assert bar.get_ylim() == display.image_.get_clim()
    assert greys.get_ylabel() == "input"
    assert greys.get_ylim() == (display.x.min(), display.x.max())


def test_columns_of_tables_are_named(ax):
    tables = [pd.DataFrame({"pulse": np.arange(5.0), "pressure": np.ones(5)}) for _ in range(4)]
    pipeline = make_pipeline(SequenceScaler(), RNNClassifier(2, **RNN)).fit(tables, list("abab"))
    display = SaliencyDisplay.from_estimator(pipeline, tables[0], ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["pulse", "pressure"]
    assert (display.seconds_per_step, ax.get_xlabel()) == (None, "step")


def test_activations_are_drawn_as_pictures_one_above_the_other(three_classes, sequences, ax):
    figure = ax.figure
    display = ActivationsDisplay.from_estimator(three_classes, sequences[1], names=["0.h", "0.z"], ax=ax)
    seen = diagnostics.activations(three_classes[1].network_, three_classes[0].transform(sequences[1:2])).of(0)
    assert [drawn.get_ylabel() for drawn in display.axes_] == ["layer 0: h", "layer 0: z"]
    for drawn, name in zip(display.axes_, ("0.h", "0.z"), strict=True):
        np.testing.assert_allclose(drawn.images[0].get_array(), seen[name].T)
    assert display.figure_ is figure
    assert ax not in figure.axes


def test_activations_need_axes_of_a_grid(three_classes, sequences):
    loose = Figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="these axes are not part of a grid"):
        ActivationsDisplay.from_estimator(three_classes, sequences[1], ax=loose)


def test_numbers_are_sequences_of_one_feature(ax):
    X = [np.arange(4.0), np.arange(6.0)]
    tagger = RNNTagger(3, **RNN).fit(X, [np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1, 0, 1])])
    assert SaliencyDisplay.from_estimator(tagger, X[1], ax=ax).x.tolist() == X[1][:, None].tolist()


def drawn_flow(display):
    return {line.get_label(): line.get_ydata() for line in display.ax_.lines}


def test_gradient_flow_is_that_of_the_cross_entropy(three_classes, sequences, ax):
    display = GradientFlowDisplay.from_estimator(three_classes, sequences, list("abcabc"), ax=ax)
    net, scaled = three_classes[1].network_, three_classes[0].transform(sequences)
    expected = diagnostics.gradient_flow(net, scaled, [0, 1, 2, 0, 1, 2], "cross_entropy")
    assert display.ax_ is ax
    np.testing.assert_allclose(display.flow.norm["0.h"], expected.norm["0.h"])
    np.testing.assert_allclose(drawn_flow(display)["layer 0: h"], expected.mean()["0.h"])


def test_gradient_flow_of_two_classes_and_of_labels_for_each_step(two_classes, sequences):
    display = GradientFlowDisplay.from_estimator(two_classes, sequences, ["no", "yes"] * 3, ax=Figure().subplots())
    assert set(drawn_flow(display)) == {"layer 0: h", "layer 0: c"}
    labels = [np.arange(len(sequence)) % 2 for sequence in sequences]
    tagger = RNNTagger(3, **RNN).fit(sequences, labels)
    display = GradientFlowDisplay.from_estimator(tagger, sequences, labels, ax=Figure().subplots())
    assert np.isfinite(drawn_flow(display)["layer 0: h"]).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_cannot_be_looked_into_is_an_error(table, classifier, three_classes, sequences, ax):
    with pytest.raises(ValueError, match="there is no class 'd': the classes are 'a', 'b', 'c'"):
        SaliencyDisplay.from_estimator(three_classes, sequences[0], target="d", ax=ax)
    with pytest.raises(ValueError, match="there is no class 'd': the classes are 'a', 'b', 'c'"):
        GradientFlowDisplay.from_estimator(three_classes, sequences, list("abcabd"), ax=ax)
    with pytest.raises(TypeError, match="MLPClassifier is static"):
        SaliencyDisplay.from_estimator(classifier, table[0][0], ax=ax)
    with pytest.raises(TypeError, match="RNNRegressor is no classifier"):
        GradientFlowDisplay.from_estimator(RNNRegressor(2, **RNN).fit(sequences, np.arange(6.0)), sequences, [], ax=ax)
    with pytest.raises(TypeError, match="LogisticRegression has no network_"):
        ActivationsDisplay.from_estimator(LogisticRegression().fit(*table), table[0], ax=ax)


# All ------------------------------------------------------------------------------------------------------------------


def test_axes_in_a_part_of_a_figure_belong_to_the_whole(classifier):
    figure = Figure()
    part = figure.subfigures(1, 2)[0].subfigures(2, 1)[0]
    display = LossCurveDisplay.from_estimator(classifier, ax=part.subplots())
    assert display.ax_.figure is part
    assert display.figure_ is figure


def test_without_axes_a_new_figure_is_made(classifier):
    mpl.use("Agg")
    from matplotlib import pyplot

    displays = [LossCurveDisplay.from_estimator(classifier), ForecastDisplay.from_predictions(PAST, FORECAST)]
    assert [display.figure_.number for display in displays] == pyplot.get_fignums()
    pyplot.close("all")

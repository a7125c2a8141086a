"""Plots show the numbers they are given: what is drawn is compared with what went in."""

import itertools
import subprocess
import sys
from argparse import ArgumentTypeError

import numpy as np
import pytest
from matplotlib.figure import Figure

import rnnbp
from rnnbp import plotting
from rnnbp.training import History, LearningRateSearch


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture
def history():
    return History(loss=[2.0, 1.0, 0.5], validation_loss=[1.8, 0.9, 1.1], best_epoch=1)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_learning_curves_show_training_at_mid_epoch_and_validation_at_its_end(ax, history):
    drawn = lines(plotting.learning_curves(history, ax=ax))
    assert np.array_equal(drawn["training"].get_xydata(), [[0.5, 2.0], [1.5, 1.0], [2.5, 0.5]])
    assert np.array_equal(drawn["validation"].get_xydata(), [[1, 1.8], [2, 0.9], [3, 1.1]])


def test_learning_curves_mark_the_best_epoch(ax, history):
    drawn = lines(plotting.learning_curves(history, ax=ax))
    assert np.array_equal(drawn["best by validation loss, epoch 2"].get_xydata(), [[2, 0.9]])
    assert legend(ax) == ["training", "validation", "best by validation loss, epoch 2"]


def test_learning_curves_of_several_networks_differ_in_label_and_colour(ax, history):
    plotting.learning_curves(history, label="GRU", ax=ax)
    plotting.learning_curves(History(loss=[3.0, 2.5], best_epoch=1), label="LSTM", ax=ax)
    drawn = lines(ax)
    assert np.array_equal(drawn["LSTM: training"].get_ydata(), [3.0, 2.5])
    assert drawn["GRU: training"].get_color() == drawn["GRU: validation"].get_color()
    assert drawn["GRU: training"].get_color() != drawn["LSTM: training"].get_color()
    named = ["GRU: training", "GRU: validation", "GRU: best by validation loss, epoch 2", "LSTM: training"]
    assert legend(ax) == named == list(drawn)  # nothing is drawn that has no name
    assert ax.get_xlim()[1] > len(history)


def test_learning_curves_draw_the_validation_score_on_an_axis_of_its_own(ax):
    scored = History(loss=[2.0, 1.0], validation_loss=[2.5, 1.5], validation_score=[0.25, 0.75], best_epoch=1)
    plotting.learning_curves(scored, ax=ax)
    (right,) = (each for each in ax.figure.axes if each is not ax)
    assert np.array_equal(lines(right)["validation score"].get_xydata(), [[1, 0.25], [2, 0.75]])
    assert right.get_ylabel() == "validation score"
    assert legend(ax) == ["training", "validation", "best by validation loss, epoch 2", "validation score"]


def test_learning_curves_of_what_is_no_history_say_what_they_take(ax):
    with pytest.raises(TypeError, match=r"history must be of class History, but of class dict .*rnnbp.fit returned"):
        plotting.learning_curves({"loss": [2.0, 1.0]}, ax=ax)


def test_learning_curves_without_validation_mark_no_epoch_as_the_best(ax):
    """The training loss is a mean over an epoch, and no network had it."""
    drawn = lines(plotting.learning_curves(History(loss=[2.0, 1.0], best_epoch=1), ax=ax))
    assert set(drawn) == {"training"}


@pytest.mark.parametrize(("last_loss", "scale"), [(0.5, "log"), (0.0, "linear")])
def test_learning_curves_are_logarithmic_where_losses_allow_it(ax, last_loss, scale):
    plotting.learning_curves(History(loss=[2.0, last_loss], best_epoch=1), ax=ax)
    assert ax.get_yscale() == scale
    written = "".join(label.get_text() for label in ax.get_yticklabels(which="both"))
    assert "10^" not in written
    assert "e" not in written


def test_learning_curves_of_nothing_are_an_error(ax):
    with pytest.raises(ValueError, match="no epoch to draw"):
        plotting.learning_curves(History(), ax=ax)


def test_a_search_for_the_learning_rate_draws_itself(ax):
    rates, losses = np.array([1e-3, 1e-2, 1e-1]), np.array([1.0, 0.5, 9.0])
    search = LearningRateSearch(rates, losses, np.array([1.0, 0.7, 3.0]), 1e-2)
    assert search.plot(ax=ax) is ax
    drawn = lines(ax)
    assert np.array_equal(drawn["minibatches"].get_xydata(), np.stack([rates, losses], axis=1))
    assert np.array_equal(drawn["running mean"].get_ydata(), search.smoothed)
    assert drawn["suggestion: 0.01"].get_xdata()[0] == 1e-2
    assert ax.get_xscale() == "log"
    low, high = ax.get_ylim()
    assert low < 0.7
    assert 1.0 < high < 3.0  # what exploded would leave no room for the rest
    assert repr(search) == "LearningRateSearch of 3 rates from 0.001 to 0.1: suggestion 0.01"


def test_error_curve_shows_each_iteration_from_1_on(ax):
    plotting.error_curve([0.3, 0.2, 0.1], ax=ax, label="iris")
    assert np.array_equal(ax.lines[0].get_xydata(), [[1, 0.3], [2, 0.2], [3, 0.1]])
    assert legend(ax) == ["iris"]


def test_error_curves_can_share_axes(ax):
    plotting.error_curve([0.3, 0.2], ax=ax)
    plotting.error_curve([0.4, 0.1], ax=ax)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.3, 0.2], [0.4, 0.1]]


@pytest.mark.parametrize("error", [[], [[0.1, 0.2]]])
def test_error_curve_needs_one_number_an_iteration(ax, error):
    with pytest.raises(ValueError, match="one number an iteration"):
        plotting.error_curve(error, ax=ax)


def test_accuracy_against_noise_shows_each_network_with_noise_growing_to_the_right(ax):
    plotting.accuracy_against_noise([30, 15, 0], {"static": [0.9, 0.5, 0.2], "recurrent": [1, 0.8, 0.3]}, ax=ax)
    drawn = lines(ax)
    assert np.array_equal(drawn["static"].get_xydata(), [[30, 0.9], [15, 0.5], [0, 0.2]])
    assert np.array_equal(drawn["recurrent"].get_xydata(), [[30, 1], [15, 0.8], [0, 0.3]])
    clean, noisy = ax.get_xlim()
    assert clean > 30
    assert noisy < 0
    assert legend(ax) == ["static", "recurrent"]


def test_accuracy_against_noise_shows_chance(ax):
    plotting.accuracy_against_noise([30, 0], {"static": [0.9, 0.2]}, chance=0.1, ax=ax)
    assert lines(ax)["guessing"].get_ydata() == [0.1, 0.1]


def test_gradient_over_time_shows_each_network_on_a_logarithmic_scale(ax):
    plotting.gradient_over_time([0, 10, 20], {"GRU": [1e-3, 1e-2, 1e-1]}, ax=ax)
    assert np.array_equal(lines(ax)["GRU"].get_xydata(), [[0, 1e-3], [10, 1e-2], [20, 1e-1]])
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("plot", [plotting.accuracy_against_noise, plotting.gradient_over_time])
def test_lines_of_another_length_are_an_error_that_names_them(ax, plot):
    with pytest.raises(
        ValueError, match=r"'GRU' must have one value for each .* shape \(3,\), but its shape is \(2,\)"
    ):
        plot([0, 10, 20], {"GRU": [0.1, 0.2]}, ax=ax)


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_every_line_has_a_colour_of_its_own(ax, n):
    plotting.accuracy_against_noise([30, 0], {str(k): [1, 0] for k in range(n)}, ax=ax)
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(ax.lines) == n
    assert len(looks) == n


def test_confusion_matrix_shows_counts_in_figures_and_shares_in_colour(ax):
    plotting.confusion_matrix([[8, 2], [0, 5]], class_names=["no", "yes"], ax=ax)
    assert {(text.get_position(), text.get_text()) for text in ax.texts} == {
        ((0, 0), "8"),
        ((1, 0), "2"),
        ((1, 1), "5"),
    }
    assert np.array_equal(ax.images[0].get_array(), [[0.8, 0.2], [0.0, 1.0]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["no", "yes"]


def test_confusion_matrix_may_have_a_class_without_examples(ax):
    plotting.confusion_matrix([[3, 0], [0, 0]], ax=ax)
    assert np.array_equal(ax.images[0].get_array(), [[1.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [([[1, 2]], None, r"square, \(K, K\), but .* \(1, 2\)"), ([[1, 0], [0, 1]], ["a"], "1 names .* for 2 classes")],
)
def test_confusion_matrix_that_does_not_fit_is_an_error(ax, matrix, names, message):
    with pytest.raises(ValueError, match=message):
        plotting.confusion_matrix(matrix, class_names=names, ax=ax)


def test_confusion_matrix_of_targets_and_predictions_says_what_computes_it(ax):
    with pytest.raises(ValueError, match=r"compute it first, rnnbp.metrics.confusion_matrix\(target, predicted\)"):
        plotting.confusion_matrix([0, 1, 1], [0, 1, 0], ax=ax)


@pytest.mark.parametrize(
    ("n", "shape"), [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (10, (2, 5)), (64, (8, 8)), (128, (8, 16)), (97, (10, 10))]
)
def test_a_vector_becomes_the_squarest_picture(n, shape):
    picture = plotting.as_picture(np.arange(n))
    assert picture.shape == shape
    assert np.array_equal(picture.ravel()[:n], np.arange(n))
    assert np.isnan(picture.ravel()[n:]).all()


def test_a_picture_stays_as_it_is():
    assert np.array_equal(plotting.as_picture([[1, 2, 3]]), [[1, 2, 3]])


def pictures(figure):
    return [ax for ax in figure.axes if ax.images]  # the others are colour bars


def test_layer_activations_show_each_unit_of_each_layer_for_each_example():
    image, hidden = np.arange(12.0).reshape(2, 2, 3), np.array([[-1.0, 0.5], [0.25, 0.0]])
    figure = plotting.layer_activations({"image": image, "hidden": hidden}, row_names=["a", "b"], figure=Figure())
    grid = np.reshape(pictures(figure), (2, 2))
    assert [ax.get_title() for ax in grid[0]] == ["image", "hidden"]
    assert [ax.get_ylabel() for ax in grid[:, 0]] == ["a", "b"]
    for example in range(2):
        assert np.array_equal(grid[example, 0].images[0].get_array(), image[example])
        assert np.array_equal(grid[example, 1].images[0].get_array(), [hidden[example]])


def test_long_names_of_layers_are_within_the_figure_and_do_not_meet():
    names = ["the input, as pixels of a camera", "layer 0: Dense(64, 16, weight_initializer='he')", "out"]
    figure = Figure(figsize=(4.8, 3.3), layout="constrained")
    plotting.layer_activations(dict.fromkeys(names, np.eye(2, 64)), figure=figure)
    figure.draw_without_rendering()
    titles = [ax.title.get_window_extent() for ax in pictures(figure)[:3]]
    assert all(title.x0 >= 0 and title.x1 <= figure.bbox.x1 and title.y1 <= figure.bbox.y1 for title in titles)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(titles))


def test_layer_activations_have_one_scale_a_layer_with_zero_in_its_middle_if_signed():
    figure = plotting.layer_activations(
        {"relu": [[0.0, 3.0], [1.0, 0.0]], "z": [[-4.0, 1.0], [2.0, 0.0]]}, figure=Figure()
    )
    limits = [ax.images[0].get_clim() for ax in pictures(figure)]
    assert limits == [(0, 3), (-4, 4), (0, 3), (-4, 4)]
    bars = [ax for ax in figure.axes if not ax.images]
    ticks = [[label.get_text() for label in bar.get_xticklabels()] for bar in bars]
    assert ticks == [["0", "3"], ["-4", "4"]]


def test_layer_activations_name_the_last_layers_units():
    figure = plotting.layer_activations({"x": [[1.0]], "y": [[0.1, 0.2]]}, unit_names=["no", "yes"], figure=Figure())
    first, last = pictures(figure)
    assert [text.get_text() for text in first.texts] == []
    assert [(text.get_position(), text.get_text()) for text in last.texts] == [((0, 0), "no"), ((1, 0), "yes")]


@pytest.mark.parametrize(
    ("activations", "names", "message"),
    [
        ({}, None, "nothing to draw"),
        ({"x": np.zeros((0, 3))}, None, "nothing to draw"),
        ({"x": np.zeros((2, 3)), "y": np.zeros((1, 3))}, None, "'y' is for 1 examples, but there are 2"),
        ({"x": np.zeros((2, 3))}, ["a"], "'row_names' is for 1 examples, but there are 2"),
    ],
)
def test_layer_activations_that_do_not_fit_are_an_error(activations, names, message):
    with pytest.raises(ValueError, match=message):
        plotting.layer_activations(activations, row_names=names, figure=Figure())


def test_without_axes_a_new_figure_is_made(history):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = [plotting.learning_curves(history), plotting.error_curve([0.1]), plotting.confusion_matrix([[1]])]
    drawn.append(plotting.layer_activations({"x": [[1.0]]}))
    assert len(pyplot.get_fignums()) == len(drawn)
    pyplot.close("all")


def test_matplotlib_is_imported_by_the_first_plot_only():
    code = "import sys, rnnbp.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_history_draws_itself(ax, history):
    assert history.plot(label="GRU", ax=ax) is ax
    assert np.array_equal(lines(ax)["GRU: validation"].get_ydata(), history.validation_loss)


@pytest.fixture
def without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_without_matplotlib_the_message_names_the_extra(without_matplotlib, history):
    for draw in (
        lambda: plotting.learning_curves(history),
        lambda: plotting.layer_activations({"x": [[1.0]]}),
        lambda: plotting.plot_transcription(None, "one.wav"),
    ):
        with pytest.raises(ImportError, match=r"drawing needs matplotlib: python -m pip install 'rnnbp\[plot\]'"):
            draw()


# -- where a figure goes, before there is one --------------------------------------------------------------------------


def test_a_figure_s_path_is_checked_before_the_work_that_it_shows(tmp_path):
    assert plotting.figure_path(f"{tmp_path}/curves.PDF") == tmp_path / "curves.PDF"
    with pytest.raises(ArgumentTypeError, match=r"there is no folder .*gone to write curves\.png to"):
        plotting.figure_path(f"{tmp_path}/gone/curves.png")
    for name in ("curves", "curves.txt"):
        with pytest.raises(ArgumentTypeError, match=rf"{name} must end with a picture's suffix, such as \.png"):
            plotting.figure_path(name)


def test_a_figure_s_path_is_refused_if_nothing_can_be_drawn(without_matplotlib):
    with pytest.raises(ArgumentTypeError, match=r"pip install 'rnnbp\[plot\]'"):
        plotting.figure_path("curves.png")


@pytest.mark.parametrize("module", [plotting, rnnbp.diagnostics, rnnbp.metrics, rnnbp.datasets, rnnbp.callbacks])
def test_modules_list_their_public_names_only(module):
    assert dir(module) == sorted(module.__all__)

"""Plots of what the diagnostics find: what is drawn is compared with what was found."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnnbp import Network, layers, plotting
from rnnbp.diagnostics import Activations, GradientFlow, LyapunovExponents, Saliency

LENGTHS = np.array([3, 2])


@pytest.fixture
def ax():
    return Figure().subplots()


def flow(scale=1.0):
    norm = {
        "0.h": scale * np.array([[1.0, 3.0], [10.0, 30.0], [100.0, np.nan]]),
        "0.c": scale * np.array([[2.0, 2.0], [4.0, 0.0], [0.0, np.nan]]),
    }
    nothing = dict.fromkeys(norm, 0.0)
    return GradientFlow(norm, {name: np.ones(2) for name in norm}, nothing, nothing, LENGTHS)


def test_gradient_flow_has_a_line_for_the_mean_of_each_state(ax):
    plotting.plot_gradient_flow(flow(), ax=ax)
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn["layer 0: h"] == [[0, 2], [1, 20], [2, 100]]
    assert drawn["layer 0: c"] == [[0, 2], [1, 4]]  # there is no 0 on a logarithmic scale
    assert ax.get_yscale() == "log"


def test_gradient_flow_has_a_band_for_the_middle_half_of_the_sequences(ax):
    plotting.plot_gradient_flow(flow(), ax=ax)
    corners = ax.collections[0].get_paths()[0].vertices
    assert {1.5, 2.5} <= set(corners[corners[:, 0] == 0, 1])


def test_gradient_flow_that_is_0_everywhere_draws_no_line(ax):
    nothing = GradientFlow({"0.v": np.zeros((3, 2))}, {"0.v": np.ones(2)}, {"0.v": 1.0}, {"0.v": 0.0}, LENGTHS)
    plotting.plot_gradient_flow(nothing, ax=ax)
    assert not ax.lines


def test_gradient_flow_over_training_is_a_picture_of_steps_by_epochs(ax):
    plotting.plot_gradient_flow_over_training([flow(1), flow(0.1)], "0.h", epochs=[2, 5], ax=ax)
    (picture,) = ax.collections
    np.testing.assert_allclose(picture.get_array(), [[2, 0.2], [20, 2], [100, 10]])
    assert picture.get_clim() == (0.2, 100)
    assert picture.get_coordinates()[0, :, 0].tolist() == [1, 2, 5]


def test_gradient_flow_over_training_spans_what_is_not_0(ax):
    plotting.plot_gradient_flow_over_training([flow(1), flow(0.1)], "0.c", ax=ax)
    assert ax.collections[0].get_clim() == (0.2, 2)


@pytest.mark.parametrize(
    ("flows", "state", "epochs", "message"),
    [
        ([], "0.h", None, "no gradient flow to draw"),
        ([flow()], "1.h", None, r"no state '1\.h': there are 0\.h, 0\.c"),
        ([flow()], "0.h", [1, 2], "2 epochs were given for 1 gradient flows"),
    ],
)
def test_gradient_flow_over_training_that_does_not_fit_is_an_error(ax, flows, state, epochs, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_gradient_flow_over_training(flows, state, epochs=epochs, ax=ax)


@pytest.fixture
def seen():
    rng = np.random.default_rng(0)
    arrays = {"0": rng.normal(size=(3, 2, 4)), "0.f": rng.random((3, 2, 4)), "1": rng.normal(size=(2, 4))}
    return Activations(arrays, LENGTHS)


def test_activations_are_pictures_of_units_by_steps_without_padding(seen):
    figure = plotting.plot_activations(seen, 1, names=["0", "0.f"], figure=Figure())
    pictures = {ax.get_ylabel(): ax.images[0] for ax in figure.axes if ax.images}
    np.testing.assert_array_equal(pictures["layer 0"].get_array(), seen["0"][:2, 1].T)
    largest = np.abs(seen["0"][:2, 1]).max()
    assert pictures["layer 0"].get_clim() == (-largest, largest)
    assert pictures["layer 0: f"].get_clim()[0] == 0  # gates are never negative


def test_activations_are_by_default_those_of_layers_with_an_output_at_each_step(seen):
    figure = plotting.plot_activations(seen, figure=Figure())
    assert [ax.get_ylabel() for ax in figure.axes if ax.images] == ["layer 0"]


def test_activations_that_cannot_be_drawn_are_an_error(seen):
    with pytest.raises(ValueError, match="'1' has one row a sequence, not one a step"):
        plotting.plot_activations(seen, names=["1"], figure=Figure())
    with pytest.raises(ValueError, match="there are sequences 0 to 1, but 2 was asked for"):
        plotting.plot_activations(seen, 2, figure=Figure())
    with pytest.raises(KeyError, match="no activations '7'"):
        plotting.plot_activations(seen, names=["7"], figure=Figure())
    with pytest.raises(ValueError, match="static examples, without time: draw them with layer_activations"):
        plotting.plot_activations(Activations({"0": np.zeros((2, 3))}, None), figure=Figure())
    with pytest.raises(ValueError, match="no layer has an output at each step: name what to draw"):
        plotting.plot_activations(Activations({"0": np.zeros((2, 3))}, LENGTHS), figure=Figure())


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    return Saliency(rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4)), np.array([7, 5]), LENGTHS)


def test_saliency_shows_contributions_over_the_input_and_the_norm_of_each_frame(found):
    top, bottom, bar, greys = plotting.plot_saliency(found, 1, figure=Figure()).axes
    given, contribution = top.images
    np.testing.assert_array_equal(given.get_array(), found.x[:2, 1].T)
    np.testing.assert_array_equal(contribution.get_array(), found.contribution[:2, 1].T)
    np.testing.assert_array_equal(bottom.lines[0].get_ydata(), found.frame_norm[:2, 1])
    assert "output 5" in top.get_title()
    assert bar.get_ylabel() == "gradient × input"
    assert bar.get_ylim() == contribution.get_clim()
    assert greys.get_ylabel() == "input"
    assert greys.get_ylim() == (found.x[:2, 1].min(), found.x[:2, 1].max())


@pytest.mark.parametrize("n_features", [1, 2, 3, 30])
def test_saliency_counts_features_and_steps_in_whole_numbers(n_features):
    x = np.random.default_rng(0).normal(size=(4, 1, n_features))
    figure = plotting.plot_saliency(Saliency(x, x, np.array([0]), np.array([4])), figure=Figure())
    figure.canvas.draw()
    top, bottom = figure.axes[:2]
    for ticks in (top.get_yticks(), bottom.get_xticks()):
        assert all(tick == int(tick) for tick in ticks)


def test_saliency_names_features(found):
    top = plotting.plot_saliency(found, feature_names=list("abcd"), figure=Figure()).axes[0]
    assert [text.get_text() for text in top.get_yticklabels()] == list("abcd")
    with pytest.raises(ValueError, match="3 feature_names were given for 4 features"):
        plotting.plot_saliency(found, feature_names=list("abc"), figure=Figure())


def test_saliency_counts_steps_or_seconds(found):
    steps = plotting.plot_saliency(found, figure=Figure()).axes[1]
    seconds = plotting.plot_saliency(found, seconds_per_step=0.01, figure=Figure()).axes[1]
    assert steps.get_xlabel() == "step t"
    assert seconds.get_xlabel() == "time (s)"
    assert seconds.xaxis.get_major_formatter()(2, 0) == "0.02"


def test_saliency_that_cannot_be_drawn_is_an_error(found):
    with pytest.raises(ValueError, match="there are sequences 0 to 1, but -1 was asked for"):
        plotting.plot_saliency(found, -1, figure=Figure())
    with pytest.raises(ValueError, match="static examples, without time"):
        plotting.plot_saliency(Saliency(found.x[0], found.gradient[0], found.output, None), figure=Figure())


def test_lyapunov_exponents_settle_on_the_left_and_are_in_order_on_the_right():
    growth = np.array([[[1.0, -2.0, -np.inf]], [[0.0, -4.0, -np.inf]]])
    result = LyapunovExponents(growth.mean(axis=(0, 1)), growth, 3)
    settling, spectrum = plotting.plot_lyapunov(result, figure=Figure()).axes
    assert settling.lines[0].get_xydata().tolist() == [[1, 1.0], [2, 0.5]]
    assert settling.lines[1].get_xydata().tolist() == [[1, -2.0], [2, -3.0]]
    assert [text.get_text() for text in settling.get_legend().get_texts()] == [rf"$\lambda_{i}$" for i in (1, 2, 3)]
    assert spectrum.lines[0].get_xydata().tolist() == [[1, 0.5], [2, -3.0]]
    assert spectrum.get_xlabel() == "i, from the largest exponent on"


def test_lyapunov_exponents_look_different():
    growth = np.arange(10.0)[::-1] * np.ones((4, 1, 10))
    settling, _ = plotting.plot_lyapunov(LyapunovExponents(growth[0, 0], growth, 4), figure=Figure()).axes
    looks = {(line.get_color(), line.get_linestyle()) for line in settling.get_legend().get_lines()}
    assert len(looks) == 8


def test_without_axes_a_new_figure_is_made(seen, found):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    growth = np.zeros((2, 1, 1))
    plotting.plot_gradient_flow(flow())
    plotting.plot_gradient_flow_over_training([flow()], "0.h")
    plotting.plot_activations(seen)
    plotting.plot_saliency(found)
    plotting.plot_lyapunov(LyapunovExponents(np.zeros(1), growth, 1))
    assert len(pyplot.get_fignums()) == 5
    pyplot.close("all")


def test_what_an_instrument_has_not_found_is_refused_with_the_call_that_finds_it():
    net, x = Network([layers.GRU(2, 4)]), np.zeros((5, 1, 2))
    with pytest.raises(TypeError, match=r"of class Network was given: pass rnnbp.diagnostics.activations\(net, x\)"):
        plotting.plot_activations(net, x)
    with pytest.raises(TypeError, match=r"pass rnnbp.diagnostics.saliency\(net, x\)"):
        plotting.plot_saliency(net, x)
    with pytest.raises(TypeError, match=r"pass rnnbp.diagnostics.gradient_flow\(net, x, target, loss\)"):
        plotting.plot_gradient_flow(net)
    with pytest.raises(TypeError, match=r"pass rnnbp.diagnostics.lyapunov_exponents\(net, x\)"):
        plotting.plot_lyapunov(net)

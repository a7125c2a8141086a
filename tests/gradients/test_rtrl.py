"""Real-time recurrent learning gives what backpropagation through time gives, for every cell; and says what it costs.

`test_gradients` puts it to the same tests as all exact algorithms: PyTorch's numbers, finite differences, memory.
"""

import tracemalloc

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error

from rnnbp import layers, losses
from rnnbp.activations import ACTIVATIONS
from rnnbp.gradients import BPTT, RTRL
from rnnbp.networks.network import Network

TEXT = BPTT(compiled=False)
LENGTHS = {"single steps": (1, 1, 1), "one sequence": (6,), "ragged": (3, 5, 1, 5), "equal": (4, 4, 4)}
CELLS = {
    **RECURRENT,
    **{
        f"Elman, {name}": lambda *sizes, f=name, **options: layers.Elman(*sizes, activation=f, **options)
        for name in ACTIVATIONS
    },
    **{
        f"Jordan, feeds back {name}": lambda *sizes, f=name, **options: layers.Jordan(
            *sizes, n_outputs=4, feedback_activation=f, teacher_forcing=False, **options
        )
        for name in ACTIVATIONS
    },
}


def one_layer(make, algorithm):
    return [make(2, 3, gradient=algorithm)]


def dropout(make, algorithm):
    return [make(2, 3, recurrent_dropout=0.4, gradient=algorithm)]


def backwards(make, algorithm):
    return [make(2, 3, reverse=True, gradient=algorithm)]


def two_layers(make, algorithm):
    first = make(2, 3, bidirectional=True, gradient=algorithm)
    return [first, make(first.output_width(2), 3, gradient=algorithm)]


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("stack", [one_layer, two_layers, dropout, backwards], ids=lambda stack: stack.__name__)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_backpropagation_through_time(cell, stack, lengths):
    """Of parameters, input and initial states, which are not zero, as the gradients of final states are not."""
    expected = Problem(stack(CELLS[cell], TEXT), lengths).gradients()
    actual = Problem(stack(CELLS[cell], RTRL()), lengths).gradients()
    for name, gradient in expected.items():
        np.testing.assert_allclose(actual[name], gradient, rtol=0, atol=1e-10 * max(1.0, np.abs(gradient).max()))


def test_gradients_where_only_some_steps_are_taught_are_those_of_backpropagation_through_time():
    problems = [Problem([layers.Jordan(2, 3, n_outputs=2, gradient=g)], (3, 5, 1, 5)) for g in (TEXT, RTRL())]
    alone = np.random.default_rng(0).random(14) < 0.5
    for problem in problems:
        problem.teacher = np.ma.MaskedArray(problem.teacher, np.broadcast_to(alone[:, None], (14, 2)))
    expected, actual = (problem.gradients() for problem in problems)
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 1e-4
        assert error(actual[name], gradient) < 1e-10


def test_the_recursion_is_williams_and_zipser_s():
    """Their equations, index by index: p[k, i, j](t+1) = f'(s_k) (sum_l w[k, l] p[l, i, j](t) + delta(i, k) z_j(t))."""
    rng = np.random.default_rng(0)
    n_in, n, n_steps = 2, 3, 6
    net = Network([layers.Elman(n_in, n, activation="sigmoid", gradient=RTRL())], dtype="float64")
    net.theta[:] = rng.normal(size=net.theta.size)
    x, target = rng.normal(size=(n_steps, 1, n_in)), rng.normal(size=(n_steps, 1, n))
    _, gradient = net.loss_and_gradient(x, target, losses.MeanSquaredError())

    named = net.parameters
    w = np.concatenate([named["0.recurrent_weight"], named["0.input_weight"], named["0.bias"][None]]).T
    y, p, dw = np.zeros(n), np.zeros((n, *w.shape)), np.zeros_like(w)
    for t in range(n_steps):
        z = np.concatenate([y, x[t, 0], [1.0]])
        y = 1.0 / (1.0 + np.exp(-w @ z))
        new = np.zeros_like(p)
        for k in range(n):
            for i in range(n):
                for j in range(w.shape[1]):
                    new[k, i, j] = y[k] * (1 - y[k]) * (w[k, :n] @ p[:, i, j] + (i == k) * z[j])
        p = new
        dw += np.einsum("k,kij->ij", 2 * (y - target[t, 0]) / (n * n_steps), p)
    computed = net.unflatten(gradient)
    np.testing.assert_allclose(computed["0.recurrent_weight"], dw[:, :n].T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(computed["0.input_weight"], dw[:, n:-1].T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(computed["0.bias"], dw[:, -1], rtol=0, atol=1e-14)


# -- what it costs -----------------------------------------------------------------------------------------------------


def batch(n_steps=2, n_sequences=8, width=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n_steps, n_sequences, width))


def gradient_of(layer, x):
    net = Network([layer])
    return net.loss_and_gradient(x, np.zeros((*x.shape[:2], net.n_outputs)), losses.MeanSquaredError())


def test_an_influence_matrix_that_would_not_fit_is_an_error_before_the_pass_that_says_its_size():
    layer = layers.LSTM(100, 100, gradient=RTRL())
    net = Network([layer])
    tracemalloc.start()
    with pytest.raises(
        ValueError,
        match=r"RTRL's influence matrix and the two terms of its sum would take 5\.8 GiB: 32 sequences x 200 states x "
        r"80,600 parameters \(initial states included\) x 4 bytes x 3\. max_bytes allows 1\.0 GiB: "
        r"take 5 sequences a batch, fewer units, a larger max_bytes, or SnAp1\(\) or BPTT\(\)",
    ):
        net.loss_and_gradient(np.zeros((5, 32, 100)), np.zeros((5, 32, 100)), losses.MeanSquaredError())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6


def test_the_batch_that_the_error_proposes_fits_and_a_larger_one_does_not():
    def layer():
        return layers.GRU(4, 6, gradient=RTRL(max_bytes=50_000))

    with pytest.raises(ValueError, match="take 3 sequences a batch"):
        gradient_of(layer(), batch(n_sequences=8))
    with pytest.raises(ValueError, match="take 3 sequences a batch"):
        gradient_of(layer(), batch(n_sequences=4))
    gradient_of(layer(), batch(n_sequences=3))


def test_a_layer_too_large_for_a_single_sequence_is_told_so():
    with pytest.raises(ValueError, match=r"max_bytes allows 1000 bytes: take fewer units"):
        gradient_of(layers.GRU(4, 6, gradient=RTRL(max_bytes=1000)), batch())


def test_a_pass_takes_no_more_memory_than_was_counted():
    counted = 3 * 4 * 64 * (64 + 64 * 3 * 64 + 64 * 3 * 64 + 64 * 3 * 2) * 4
    layer = layers.GRU(64, 64, gradient=RTRL(max_bytes=counted))
    x = batch(n_steps=3, n_sequences=4, width=64)
    gradient_of(layer, x)
    tracemalloc.start()
    gradient_of(layer, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 * counted < peak < 1.05 * counted
    with pytest.raises(ValueError, match="influence matrix"):
        gradient_of(layers.GRU(64, 64, gradient=RTRL(max_bytes=counted - 1)), x)
    with pytest.raises(ValueError, match="take 1 sequence a batch"):
        gradient_of(layers.GRU(64, 64, gradient=RTRL(max_bytes=counted // 4)), x)


@pytest.mark.parametrize(
    ("max_bytes", "shown"),
    [(1023, "1023 bytes"), (2**10, "1.0 KiB"), (2**20 - 1, "1024.0 KiB"), (2**20, "1.0 MiB"), (2**30, "1.0 GiB")],
)
def test_sizes_are_said_in_units_that_can_be_read(max_bytes, shown):
    with pytest.raises(ValueError, match=f"max_bytes allows {shown}: take"):
        gradient_of(layers.LSTM(100, 100, gradient=RTRL(max_bytes=max_bytes)), batch(n_sequences=32, width=100))


def test_a_network_in_use_needs_no_influence_matrix():
    net = Network([layers.GRU(4, 6, gradient=RTRL(max_bytes=1))])
    assert net.forward(batch()).shape == (2, 8, 6)


@pytest.mark.parametrize("max_bytes", [0, -1, 1e9, "1 GB", True])
def test_max_bytes_is_a_whole_number(max_bytes):
    with pytest.raises(ValueError, match="max_bytes must be a whole number of at least 1"):
        RTRL(max_bytes=max_bytes)


# -- in a network ------------------------------------------------------------------------------------------------------


def test_a_saved_network_learns_by_it_again(tmp_path):
    net = Network([layers.GRU(4, 3, gradient=RTRL(max_bytes=123_456))])
    net.save(tmp_path / "net.rnnbp")
    algorithm = Network.load(tmp_path / "net.rnnbp").layers[0].gradient
    assert isinstance(algorithm, RTRL)
    assert algorithm.max_bytes == 123_456


def test_a_stream_gives_the_outputs_of_the_whole():
    net = Network([layers.LSTM(4, 3, gradient=RTRL()), layers.Dense(3, 2)], dtype="float64")
    x = batch(n_steps=9, n_sequences=1)
    np.testing.assert_allclose(net.stream().push(x[:, 0]), net.forward(x)[:, 0], rtol=0, atol=1e-14)

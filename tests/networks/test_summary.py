"""A network's table of layers, against counts made by hand and the C export's own."""

import numpy as np
import pytest

from rnnbp import Network, layers


def test_what_each_layer_costs():
    net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    summary = net.summary()
    assert [row.output for row in summary.rows] == ["(T, 8)", "(8,)", "(2,)"]
    assert [row.n_parameters for row in summary.rows] == [3 * 24 + 8 * 24 + 24 + (312 - 3 * 24 - 8 * 24 - 24), 0, 18]
    assert [row.multiply_adds for row in summary.rows] == [3 * 24 + 8 * 24, 0, 16]
    assert (summary.multiply_adds, summary.per_sequence) == (264, 16)
    assert summary.n_parameters == net.theta.size
    assert summary.input == "(T, 3)"


def test_strides_leave_work_for_some_frames_only():
    stack = [layers.Conv1D(40, 64, 5, stride=3), layers.LSTM(64, 128, bidirectional=True), layers.Dense(256, 28)]
    rows = Network(stack).summary().rows
    assert [row.output for row in rows] == ["(T/3, 64)", "(T/3, 256)", "(T/3, 28)"]
    per_output = [40 * 5 * 64, 2 * (64 + 128) * 4 * 128, 256 * 28]
    np.testing.assert_allclose([row.multiply_adds for row in rows], np.array(per_output) / 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("stack", "given"),
    [
        ([layers.Embedding(30, 8), layers.Elman(8, 4)], "(T,)"),
        ([layers.Dense(4, 5), layers.Activation("tanh")], "(4,)"),
        ([layers.Activation("tanh")], "(any,)"),
    ],
)
def test_every_kind_of_network_has_one(stack, given):
    net = Network(stack)
    summary = net.summary()
    assert summary.input == given
    assert summary.n_parameters == net.theta.size
    for text in (str(summary), summary._repr_html_()):
        assert all(type(layer).__name__ in text for layer in stack)
        assert f"{net.theta.size:,}" in text
    assert len({len(line) for line in str(summary).splitlines() if line.startswith("-")}) == 1

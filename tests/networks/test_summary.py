"""A network's table of layers, against counts made by hand and the C export's own."""

import numpy as np
import pytest

from rnnbp import Network, layers
from rnnbp.networks.summary import Row, Summary


def test_what_each_layer_costs():
    net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    summary = net.summary()
    assert [row.output for row in summary.rows] == ["(T, 8)", "(8,)", "(2,)"]
    assert [row.n_parameters for row in summary.rows] == [3 * 24 + 8 * 24 + 24 + (312 - 3 * 24 - 8 * 24 - 24), 0, 18]
    assert [row.multiply_adds for row in summary.rows] == [3 * 24 + 8 * 24, 0, 16]
    assert (summary.multiply_adds, summary.per_sequence) == (264, 16)
    assert summary.n_parameters == net.theta.size
    assert summary.input == "(T, 3)"


def test_the_table_can_be_read():
    net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2000)])
    assert (
        str(net.summary())
        == """\
input (T, 3)
   layer           output   parameters  multiply-adds
-----------------------------------------------------
0  GRU(3, 8)       (T, 8)          312            264
1  LastStep()      (8,)              0              0
2  Dense(8, 2000)  (2000,)      18,000        16,000*
-----------------------------------------------------
   together                     18,312            264
* once a sequence: 16,000 in all; the others, for each frame"""
    )
    html = net.summary()._repr_html_()
    assert html.startswith("<table><caption>input (T, 3)</caption><tr><th></th><th>layer</th>")
    assert "<tr><td>2</td><td>Dense(8, 2000)</td><td>(2000,)</td><td>18,000</td><td>16,000 a sequence</td></tr>" in html


@pytest.mark.parametrize("length", [60, 61])
def test_long_layers_are_cut(length):
    name = "Dense(3, 2, initializer=" + "x" * (length - 25) + ")"
    (line,) = (line for line in str(Summary((Row(name, "(2,)", 8, 6, False),), "(3,)")).splitlines() if "Dense" in line)
    assert line.split("  ")[1] == (name if length == 60 else name[:57] + "...")


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

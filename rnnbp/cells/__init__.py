"""Recurrent cells: the equations of one time step, and their pullbacks."""

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.cells.elman import ElmanCell
from rnnbp.cells.gru import GRUCell, ResetBeforeGRUCell
from rnnbp.cells.jordan import JordanCell
from rnnbp.cells.lstm import LSTMCell
from rnnbp.cells.peephole_lstm import PeepholeLSTMCell

__all__ = [
    "Cell",
    "ElmanCell",
    "GRUCell",
    "JordanCell",
    "LSTMCell",
    "PeepholeLSTMCell",
    "Product",
    "ResetBeforeGRUCell",
    "Stage",
]

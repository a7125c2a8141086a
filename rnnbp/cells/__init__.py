"""Recurrent cells: the equations of one time step, and their pullbacks."""

from rnnbp.cells.cell import Cell, Product, Stage
from rnnbp.cells.elman import ElmanCell
from rnnbp.cells.gru import GRUCell, ResetBeforeGRUCell
from rnnbp.cells.jordan import JordanCell
from rnnbp.cells.layer_norm_gru import LayerNormGRUCell
from rnnbp.cells.layer_norm_lstm import LayerNormLSTMCell
from rnnbp.cells.lstm import LSTMCell
from rnnbp.cells.peephole_lstm import PeepholeLSTMCell
from rnnbp.cells.variant_gru import VariantGRUCell
from rnnbp.cells.variant_lstm import VariantLSTMCell
from rnnbp.cells.zoneout import ZoneoutCell

__all__ = [
    "Cell",
    "ElmanCell",
    "GRUCell",
    "JordanCell",
    "LSTMCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "PeepholeLSTMCell",
    "Product",
    "ResetBeforeGRUCell",
    "Stage",
    "VariantGRUCell",
    "VariantLSTMCell",
    "ZoneoutCell",
]

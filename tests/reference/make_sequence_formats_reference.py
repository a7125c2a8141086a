"""Write the same sequences as sktime, aeon and tslearn keep them to sequence_formats_reference.json.

    pip install sktime aeon tslearn && python make_sequence_formats_reference.py

Three utterances of the Japanese vowels that ship with sktime, of their first three channels: of differing lengths. As
numpy3D knows one length only, it has the first seven steps of each.
"""

import json
from importlib.metadata import version
from pathlib import Path

import aeon.utils.conversion
import numpy as np
import sktime.datatypes
import tslearn.utils
from sktime.datasets import load_japanese_vowels

CASES, N_CHANNELS, N_STEPS = (0, 30, 60), 3, 7

X, _ = load_japanese_vowels(split="train", return_X_y=True, return_type="df-list")
frames = [X[i].iloc[:, :N_CHANNELS].reset_index(drop=True) for i in CASES]
equal = [frame.iloc[:N_STEPS] for frame in frames]

nested = sktime.datatypes.convert_to(frames, "nested_univ", as_scitype="Panel")
multiindex = sktime.datatypes.convert_to(frames, "pd-multiindex", as_scitype="Panel")
numpy3d = sktime.datatypes.convert_to(equal, "numpy3D", as_scitype="Panel")
np_list = aeon.utils.conversion.convert_collection([frame.to_numpy().T for frame in frames], output_type="np-list")
nan_padded = tslearn.utils.to_time_series_dataset([frame.to_numpy() for frame in frames])

found = {
    "made by": {name: version(name) for name in ("sktime", "aeon", "tslearn", "pandas")},
    "df-list": [frame.to_numpy().tolist() for frame in frames],
    "df-list of one length": [frame.to_numpy().tolist() for frame in equal],
    "nested_univ": {
        "columns": nested.columns.tolist(),
        "cells": [[np.asarray(cell).tolist() for cell in row] for row in nested.to_numpy()],
        "cell": type(nested.iloc[0, 0]).__name__,
    },
    "pd-multiindex": {
        "names": list(multiindex.index.names),
        "index": [list(map(int, row)) for row in multiindex.index],
        "columns": multiindex.columns.tolist(),
        "data": multiindex.to_numpy().tolist(),
    },
    "numpy3D": numpy3d.tolist(),
    "np-list": [case.tolist() for case in np_list],
    "nan padded": nan_padded.tolist(),
}
Path(__file__).with_name("sequence_formats_reference.json").write_text(json.dumps(found) + "\n")

"""Numbers of one recurrent layer that other libraries have computed; the files and their scripts lie in reference/."""

from pathlib import Path

import numpy as np
from conformance import error

from rnnbp.networks.network import Network


def cases(file):
    """Return the arrays of each case of a file, by name."""
    arrays, found = np.load(Path(__file__).parent / "reference" / file), {}
    for key in arrays.files:
        case, _, name = key.rpartition(":")
        found.setdefault(case, {})[name] = arrays[key]
    shared = found.pop("", {})
    return {case: shared | own for case, own in found.items()}


def of(arrays, group, prefix=""):
    """Return the arrays of a group, such as "initial", under the names of layer 0 of a network if prefix is "0."."""
    return {prefix + key.removeprefix(f"{group}/"): a for key, a in arrays.items() if key.startswith(f"{group}/")}


class Comparison:
    """A layer with a case's parameters, run on its input from its initial states; in training if given an rng."""

    def __init__(self, layer, arrays, *, dtype="float64", rng=None):
        self.arrays, self.net = arrays, Network([layer], dtype=dtype)
        given = of(arrays, "parameter", "0.")
        assert given.keys() == self.net.parameters.keys()
        for name, values in given.items():
            self.net.parameters[name][...] = values
        self.net.rng, training, initial = rng, rng is not None, of(arrays, "initial", "0.")
        self.run = self.net.run(arrays["x"], arrays["lengths"], initial_states=initial, training=training)

    def check_outputs(self, tolerance):
        assert error(self.run.output, self.arrays["output"]) < tolerance
        self._check(self.run.final_states, of(self.arrays, "final", "0."), tolerance)

    def check_gradients(self, tolerance):
        gradients = self.run.backward(self.arrays["d_output"], d_final_states=of(self.arrays, "d_final", "0."))
        assert error(gradients.x, self.arrays["d_x"]) < tolerance
        self._check(gradients.initial_states, of(self.arrays, "d_initial", "0."), tolerance)
        self._check(self.net.unflatten(gradients.theta), of(self.arrays, "d_parameter", "0."), tolerance)

    @staticmethod
    def _check(actual, expected, tolerance):
        assert actual.keys() == expected.keys()
        for name, values in expected.items():
            assert error(actual[name], values) < tolerance, name

"""Make model files of format 1: run it with the library as it was at commit 3188128, the last that wrote them.

git worktree add /tmp/old 3188128; PYTHONPATH=/tmp/old python tests/reference/make_format_1_files.py
"""

from pathlib import Path

import numpy as np

from rnnbp import Checkpoint, Network, RNNForecaster, fit, gradients, layers
from rnnbp.files.model_file import FORMAT_VERSION

HERE = Path(__file__).parent
TEXT = gradients.BPTT(compiled=False)


class Broken(Exception):
    pass


class Breaking(Checkpoint):
    n_writes = 5

    def write(self, arrays, values):
        super().write(arrays, values)
        self.n_writes -= 1
        if self.n_writes == 0:
            raise Broken


def network():
    net = Network([layers.GRU(2, 3, gradient=TEXT), layers.Dense(3, 1)], dtype="float64", seed=3)
    net.theta[:] = np.arange(net.theta.size) / 64
    return net


def series():
    return np.sin(np.arange(60) / 3)


def run(checkpoint):
    x = np.arange(36.0).reshape(12, 3) % 7
    net = Network([layers.Dense(3, 4), layers.Dropout(0.2), layers.Dense(4, 1)], compiled=False)
    options = {"loss": "mean_squared_error", "max_epochs": 3, "batch_size": 4}
    fit(net, x, x[:, :1], checkpoint=checkpoint, **options)
    return net


if __name__ == "__main__":
    assert FORMAT_VERSION == 1
    network().save(HERE / "network_format_1.safetensors", metadata={"classes": ["a", "b"]})
    forecaster = RNNForecaster((3,), window=5, max_iter=2, gradient=TEXT, tol=1.0, random_state=0).fit(series())
    forecaster.save(HERE / "forecaster_format_1.safetensors")
    np.save(HERE / "forecaster_format_1.npy", forecaster.predict(4))
    try:
        run(Breaking(HERE / "run_format_1.ckpt", every_seconds=0.0))
    except Broken:
        np.save(HERE / "run_format_1.npy", run(None).theta)

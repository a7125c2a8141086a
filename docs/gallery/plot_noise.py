"""
Recognition in noise
====================

A network that was trained on clean recordings loses much in noise; one that met noise in training loses less. Noise is
given as a signal-to-noise ratio in decibels; ``augment=`` draws it anew in each epoch.
"""

import matplotlib.pyplot as plt
import numpy as np

import rnnbp
from rnnbp import audio, datasets, layers, metrics, optimizers

train, test = (datasets.load_spoken_digits(subset=subset) for subset in ("train", "test"))
features = audio.AudioFeatures(train.sample_rate, n_mels=24, trim=30.0)
snrs = [30, 20, 10, 5, 0]


def noisy(waves, snr, seed=0):
    """Return the recordings with white noise."""
    rng = np.random.default_rng(seed)
    return [audio.add_noise(wave, snr, rng) for wave in waves]


# %%
# Each is trained on as many recordings: clean ones, or a third of them at 20 and a third at 10 dB.
drawn = np.random.default_rng(1).integers(0, 3, len(train.waves))
mixed = [
    wave if kind == 0 else audio.add_noise(wave, (None, 20, 10)[kind], np.random.default_rng(i))
    for i, (wave, kind) in enumerate(zip(train.waves, drawn, strict=True))
]
accuracy = {}
for name, waves in {"clean": train.waves, "noisy": mixed}.items():
    net = rnnbp.Network([layers.GRU(24, 32), layers.MeanOverTime(), layers.Dense(32, 10)], seed=0)
    rnnbp.fit(
        net,
        features.transform(waves),
        train.target,
        loss="cross_entropy",
        optimizer=optimizers.Adam(5e-3, clip_norm=1.0),
        max_epochs=10,
    )
    accuracy[f"trained on {name} sound"] = [
        metrics.accuracy(test.target, rnnbp.predict(net, features.transform(noisy(test.waves, snr)))) for snr in snrs
    ]
for name, values in accuracy.items():
    print(f"{name:<24}", *(f"{value:.2f}" for value in values))

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
rnnbp.plotting.accuracy_against_noise(snrs, accuracy, chance=0.1, ax=ax)
plt.show()

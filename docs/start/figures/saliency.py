"""Which parts of a recording an answer hangs on."""

import matplotlib.pyplot as plt

import rnnbp
from rnnbp import audio, datasets, diagnostics, layers, optimizers, plotting

train, test = (datasets.load_spoken_digits(subset=subset) for subset in ("train", "test"))
features = audio.AudioFeatures(train.sample_rate, n_mels=40, trim=30.0)
net = rnnbp.Network([layers.GRU(40, 32, bidirectional=True), layers.MeanOverTime(), layers.Dense(64, 10)])
x = features.fit_transform(train.waves)
optimizer = optimizers.Adam(3e-3, clip_norm=1.0)
rnnbp.fit(net, x, train.target, loss="cross_entropy", optimizer=optimizer, max_epochs=10)
seen = diagnostics.saliency(net, features.transform(test.waves[:1]), output=test.target[:1])
plotting.plot_saliency(seen, seconds_per_step=0.01, figure=plt.figure(figsize=(7, 5), layout="constrained"))

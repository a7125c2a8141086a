"""
Speech to text
==============

A transcriber of connected digits is installed with the library, so that this works at once and offline.
"""

import matplotlib.pyplot as plt

from rnnbp import CTCTranscriber, datasets
from rnnbp.plotting import plot_transcription

model = CTCTranscriber.load(datasets.find_model("connected_digits"))
spoken = datasets.make_connected_digits(30, "test", seed=1)
for text, understood in list(zip(spoken.text, model.predict(spoken.waves), strict=True))[:4]:
    print(f"said:       {text}\nunderstood: {understood}\n")
print(f"one minus the word error rate: {model.score(spoken.waves, spoken.text):.3f}")

# %%
# Each word has a time, and a probability: the output of connectionist temporal classification is aligned with the text.
plot_transcription(
    model, spoken.waves[0], reference=spoken.text[0], figure=plt.figure(figsize=(8, 6), layout="constrained")
)
plt.show()

"""
A label for each sequence
=========================

`RNNClassifier` takes a list of ``(T_i, F)`` arrays of any lengths. Here the sequences are recordings of digits by many
voices, and the test voices were not heard in training.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline

from rnnbp import RNNClassifier, datasets
from rnnbp.audio import AudioFeatures
from rnnbp.preprocessing import SequenceScaler

train, test = (datasets.load_spoken_digits(subset=subset) for subset in ("train", "test"))
print(train)

# %%
# The pipeline makes log-mel features of the waves, scales them, and reads them in both directions.
model = make_pipeline(
    AudioFeatures(train.sample_rate, trim=30.0),
    SequenceScaler(),
    RNNClassifier(32, bidirectional=True, pooling="mean", max_iter=8, tol=0.0, random_state=0),
)
import warnings

with warnings.catch_warnings():  # eight epochs are not the end of what could be learnt, which a warning says
    warnings.simplefilter("ignore")
    model.fit(train.waves, train.target)
print(f"accuracy on voices never heard before: {model.score(test.waves, test.target):.3f}")

# %%
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(
    model, test.waves, test.target, display_labels=test.target_names, xticks_rotation=45, colorbar=False, ax=ax
)
plt.show()

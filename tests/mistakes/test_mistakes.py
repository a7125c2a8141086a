"""Mistakes that users make, each with what it is answered by: a table, in the words of who made them.

Every row must end in an error before training starts (no parameter may have changed) whose message says what was given,
what was expected and what to do; or, where it may be meant, in a warning that says what was understood.

What cannot be known, and so is not refused:

- a batch-first array ``(B, T, F)`` whose targets are batch-first too, or whose two first axes are equal;
- a table of few steps in rows that is meant as series of their own, or the other way round, beyond what
  `RNNForecaster` warns of; numbers for its pasts that are times;
- inputs in other units, sample rates that are not those of the recordings, labels in another order than the examples,
  the rows of one data frame in another order than those of another;
- ``net.theta[:] = 0``, ``net.load(path)`` whose result is thrown away, one layer listed twice to share its weights;
- a loss that is too large from the first update on, and stays so.
"""

import copy
import inspect
import pickle
import re
from collections import deque
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.metrics
import sklearn.utils.validation
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator
from toys import CROSS_ENTROPY, MSE, TEXT

import rnnbp
from rnnbp import (
    MLPClassifier,
    Network,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNTagger,
    audio,
    callbacks,
    datasets,
    decoding,
    diagnostics,
    distributed,
    gradients,
    initializers,
    interop,
    layers,
    losses,
    metrics,
    model_selection,
    optimizers,
    plotting,
    preprocessing,
    sequences,
)
from rnnbp.configuration import Configurable
from rnnbp.estimators.alphabet import Alphabet
from rnnbp.estimators.live import LiveTranscription
from rnnbp.preprocessing import SequenceScaler
from rnnbp.training.online import OnlineLearner

MODULES = (
    *(rnnbp, audio, callbacks, datasets, decoding, diagnostics, distributed, gradients, initializers, interop),
    *(interop.c, interop.keras, interop.onnx, interop.rtneural, interop.torch, layers, losses, metrics),
    *(model_selection, optimizers, plotting, preprocessing, sequences),
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = RNG.normal(size=(20, 1))
CLASSES = RNG.integers(0, 2, 20)
SEQUENCES = [RNG.normal(size=(length, 3)) for length in RNG.integers(4, 8, 20)]
STEPS = [RNG.normal(size=(len(each), 1)) for each in SEQUENCES]
PADDED = RNG.normal(size=(6, 20, 3))
MASKED = np.ma.masked_array(X, X > 1.0)
WAVE = np.sin(np.arange(120) / 3)
TABLE = np.stack([WAVE, np.cos(np.arange(120) / 3)], axis=1)
DATES = pd.date_range("2020", periods=120)


def static(n=1, *more):
    return Network([layers.Dense(3, n), *more])


def recurrent(n=1):
    return Network([layers.GRU(3, 4, gradient=TEXT), layers.LastStep(), layers.Dense(4, n)])


def tagger(n=1):
    return Network([layers.GRU(3, 4, gradient=TEXT), layers.Dense(4, n)])


def changed(k, **settings):
    """Return a network, the settings of one of whose layers were changed after it was made."""
    net = Network([layers.GRU(3, 5), layers.Dropout(0.5), layers.LastStep(), layers.Dense(5, 1)])
    for name, value in settings.items():
        setattr(net.layers[k], name, value)
    return net


def fit(net, x=X, target=Y, **options):
    """Train, and be sure that what is refused has changed nothing."""
    before = net.theta.copy()
    try:
        rnnbp.fit(net, x, target, **{"loss": MSE, "max_epochs": 1} | options)
    except Exception:
        np.testing.assert_array_equal(net.theta, before, err_msg="training had begun")
        raise


def fitted(estimator, *data):
    try:
        return estimator.set_params(max_iter=1).fit(*data)
    except Exception:
        assert not hasattr(estimator, "network_"), "training had begun"
        raise


def classifier(**options):
    return RNNClassifier(4, gradient=TEXT, **options)


def forecaster(**options):
    return RNNForecaster(4, gradient=TEXT, **options)


ERRORS = {
    # -- what is no data -----------------------------------------------------------------------------------------------
    "masked inputs": (lambda: fit(static(), MASKED), ValueError, "masked array", "20|\\d+ of 60", "filled"),
    "masked targets": (lambda: fit(static(), X, MASKED[:, :1]), ValueError, "the target is a masked array"),
    "masked sequences": (lambda: fit(recurrent(), [MASKED] * 20), ValueError, "sequence 0 is a masked array"),
    "masked validation": (
        lambda: fit(static(), validation_data=(MASKED, Y)),
        ValueError,
        "validation_data: the input is a masked array",
    ),
    "masked weights": (
        lambda: fit(static(), sample_weight=np.ma.masked_less(np.arange(20.0), 3)),
        ValueError,
        "sample_weight is a masked array",
    ),
    "masked, an MLP": (lambda: fitted(MLPClassifier(4), MASKED, CLASSES), ValueError, "X is a masked array"),
    "masked, a classifier": (lambda: fitted(classifier(), [MASKED] * 20, CLASSES), ValueError, "masked array"),
    "masked labels": (
        lambda: fitted(classifier(), SEQUENCES, np.ma.masked_equal(CLASSES, 0)),
        ValueError,
        "y is a masked array",
    ),
    "masked frames of a stream": (lambda: tagger().stream().push(MASKED), ValueError, "masked array"),
    "masked sequences to pad": (lambda: sequences.pad([MASKED]), ValueError, "sequence 0 is a masked array"),
    "a masked recording": (
        lambda: audio.AudioFeatures(8000).fit_transform([np.ma.masked_array(np.ones(8000), np.ones(8000))]),
        ValueError,
        "recording 0 is a masked array",
    ),
    "a sparse input": (lambda: fit(static(), scipy.sparse.csr_matrix(X)), TypeError, "sparse", "toarray"),
    "sparse targets": (lambda: fit(static(), X, scipy.sparse.csr_matrix(Y)), TypeError, "the target is a sparse"),
    "sparse sequences": (
        lambda: fit(recurrent(), [scipy.sparse.csr_matrix(each) for each in SEQUENCES]),
        TypeError,
        "sequence 0 is a sparse",
    ),
    "a set": (lambda: fit(static(), {1, 2, 3}), TypeError, "a set was given", "pass a list"),
    "a dict": (lambda: fit(static(), {"x": X}), TypeError, "a dict was given", r"list\(x.values\(\)\)"),
    "a generator": (lambda: fit(recurrent(), (s for s in SEQUENCES)), TypeError, "a generator was given", r"list\(x\)"),
    "targets from a generator": (lambda: fit(static(), X, (y for y in Y)), TypeError, "the target .* generator"),
    "labels from a generator": (
        lambda: fitted(classifier(), SEQUENCES, (c for c in CLASSES)),
        TypeError,
        "y must be .* generator",
    ),
    "an MLP's data from a generator": (
        lambda: fitted(MLPClassifier(4), (x for x in X), CLASSES),
        TypeError,
        "generator",
    ),
    "recordings from a generator": (
        lambda: audio.AudioFeatures(8000).fit_transform(w for w in [WAVE]),
        TypeError,
        r"a generator was given: pass list\(X\)",
    ),
    "a deque": (lambda: fit(recurrent(), deque(SEQUENCES)), TypeError, "a deque was given", r"list\(x\)"),
    "a deque of one length": (lambda: fit(static(), deque(X)), TypeError, "a deque was given", r"list\(x\)"),
    "a classifier's deque": (lambda: fitted(classifier(), deque(SEQUENCES), CLASSES), TypeError, r"list\(X\)"),
    "a dict's values": (lambda: fit(static(), {"x": X}.values()), TypeError, "dict_values was given", r"list\(x\)"),
    "targets of a dict's values": (
        lambda: fit(static(), X, dict(enumerate(Y)).values()),
        TypeError,
        r"list\(target\)",
    ),
    "labels of a dict's values": (
        lambda: fitted(classifier(), SEQUENCES, dict(enumerate(CLASSES)).values()),
        TypeError,
        "dict_values was given",
        r"list\(y\)",
    ),
    "an MLP's dict of rows": (
        lambda: fitted(MLPClassifier(4), dict(enumerate(X)).values(), CLASSES),
        TypeError,
        r"list\(X\)",
    ),
    "an MLP's sequences": (
        lambda: fitted(MLPClassifier(4), SEQUENCES, CLASSES),
        ValueError,
        "X is a list of rows of several lengths",
        "RNNClassifier",
    ),
    "a column with gaps": (
        lambda: fit(static(), pd.DataFrame(X).astype("Float64").where(pd.DataFrame(X) < 1)),
        ValueError,
        "the input holds nan",
    ),
    "a column of text": (lambda: fit(static(), pd.DataFrame(X).astype(object).map(str)), ValueError, "dtype is object"),
    "no input": (lambda: fit(static(), None), TypeError, "the input must be an array", "None was given"),
    "no target": (lambda: fit(static(), X, None), ValueError, "there is no target"),
    "a path": (lambda: rnnbp.predict(recurrent(), ["a.wav"]), TypeError, "'a.wav', not an array", "AudioFeatures"),
    "text": (lambda: rnnbp.predict(recurrent(), ["abc"]), TypeError, "'abc' was given: turn text into numbers"),
    "an object array of sequences": (
        lambda: rnnbp.predict(recurrent(), np.array([*SEQUENCES, X], dtype=object)),
        TypeError,
        r"object array of sequences: pass list\(x\)",
    ),
    "a Series of sequences": (
        lambda: fitted(classifier(), pd.Series(SEQUENCES, index=range(5, 25)), CLASSES),
        TypeError,
        r"object array of sequences: pass list\(X\)",
    ),
    "frames of several widths": (
        lambda: rnnbp.predict(recurrent(), [[[1.0, 2.0, 3.0], [1.0]]]),
        ValueError,
        "sequence 0 must be an array of numbers",
    ),
    "a missing sequence": (lambda: rnnbp.predict(recurrent(), [X, None]), TypeError, "sequence 1 .* None was given"),
    "columns in another order": (
        lambda: rnnbp.predict(
            recurrent(), [pd.DataFrame(X, columns=list("abc")), pd.DataFrame(X, columns=list("bca"))]
        ),
        ValueError,
        r"sequence 1 has the columns \['b', 'c', 'a'\]",
    ),
    "a column of dates": (
        lambda: fitted(forecaster(), pd.DataFrame({"day": DATES, "value": WAVE})),
        TypeError,
        "column of times, 'day'",
    ),
    "dates to predict": (
        lambda: fitted(RNNRegressor(4), SEQUENCES, DATES[:20]),
        TypeError,
        "y must hold numbers for RNNRegressor, but it holds times, datetime64",
    ),
    "what scipy reads of a file": (
        lambda: audio.AudioFeatures(8000).fit_transform([(8000, np.tile(WAVE, 100))]),
        TypeError,
        "recording 0 is a sample rate and a waveform, as scipy.io.wavfile.read returns them",
    ),
    # -- shapes --------------------------------------------------------------------------------------------------------
    "one sequence without its list": (
        lambda: rnnbp.predict(recurrent(), X),
        ValueError,
        r"\(T, B, F\), time first, but its shape is \(20, 3\); if this is one sequence, pass \[x\]",
    ),
    "batch first": (
        lambda: fit(recurrent(), PADDED.swapaxes(0, 1)),
        ValueError,
        r"expected 6 targets.*\(20, 1\)",
        "second axis",
        r"time first: of an \(N, T, F\) array, as estimators take it, pass list\(x\)",
    ),
    "batch first, with targets for each step": (
        lambda: rnnbp.fit(tagger(2), PADDED.swapaxes(0, 1), np.zeros((6, 20), int), loss="cross_entropy"),
        ValueError,
        r"time first, but its shape is \(6, 20\); of an \(N, T, F\) array, as estimators take it, pass list\(x\)",
    ),
    "numbers over time, batch first": (
        lambda: fit(recurrent(), PADDED[:, :, 0].T),
        ValueError,
        r"of an \(N, T\) array of one scalar a step, as estimators take it, list\(x\[:, :, None\]\)",
    ),
    "batch_first": (
        lambda: fit(recurrent(), batch_first=True),
        TypeError,
        r"no argument 'batch_first' \(arrays are time-major, \(T, B, F\): of an \(N, T, F\) array pass list\(x\)\)",
    ),
    "features first": (lambda: rnnbp.predict(recurrent(), PADDED.T), ValueError, "expected 3 features", "last axis"),
    "lengths of static examples": (
        lambda: rnnbp.predict(static(), X, [3] * 20),
        ValueError,
        r"lengths are for sequences.*\(20, 3\)",
    ),
    "targets for each step of one output": (
        lambda: fit(recurrent(), SEQUENCES, STEPS),
        ValueError,
        "expected 20 targets, one for each sequence",
        "leave LastStep",
    ),
    "labels for each step of a classifier": (
        lambda: fitted(classifier(), SEQUENCES, [np.zeros(len(each), int) for each in SEQUENCES]),
        ValueError,
        "differ in length",
        "RNNTagger",
    ),
    "states that are no mapping": (
        lambda: recurrent().run(SEQUENCES, initial_states=np.zeros((20, 4))),
        TypeError,
        "states must be a mapping of names to arrays, but a ndarray was given",
    ),
    "scores of other shapes": (lambda: metrics.r2(Y, Y[:3]), ValueError, r"\(20, 1\) do not fit .* \(3, 1\)"),
    # -- units ---------------------------------------------------------------------------------------------------------
    "16-bit samples as floats": (
        lambda: audio.AudioFeatures(8000).fit_transform([3000.0 * RNG.normal(size=8000)]),
        audio.AudioError,
        "recording 0 holds floats up to",
        "16-bit",
        "divide them by 32768",
    ),
    "16-bit samples as NumPy's usual integers": (
        lambda: audio.AudioFeatures(8000).fit_transform([np.arange(-4000, 4000) * 8]),
        TypeError,
        "recording 0 holds int64 samples",
        "look like 16-bit integers, so divide them by 32768",
    ),
    "one series for a scaler": (lambda: SequenceScaler().fit(WAVE), ValueError, r"for one series write \[X\]"),
    "one series of objects to cut": (
        lambda: preprocessing.cut_windows(pd.Series(WAVE, dtype=object), width=10),
        ValueError,
        r"X is one series of shape \(120,\)",
        r"for one series write \[X\]",
    ),
    "instances and times in the rows of a table": (
        lambda: fitted(
            classifier(), pd.DataFrame(TABLE, pd.MultiIndex.from_product([range(12), range(10)])), np.arange(120) % 2
        ),
        ValueError,
        r"rows of X are a MultiIndex.*from_multiindex\(X\)",
    ),
    "a table whose rows are dates": (
        lambda: fitted(forecaster(), pd.DataFrame(TABLE, index=DATES)),
        ValueError,
        r"rows of X are times.*pass \[X\] for one series of 2 variables, or X.T for 2 series of 120 steps",
    ),
    "the newest first": (
        lambda: fitted(forecaster(), pd.Series(WAVE, DATES)[::-1]),
        ValueError,
        "the dates of X must increase.* the newest comes first",
        r"s.sort_index\(\)",
    ),
    "a missing day": (
        lambda: fitted(forecaster(), pd.Series(WAVE, DATES).drop(DATES[50])),
        ValueError,
        "2020-02-21 follows 2020-02-19, but the usual distance is 1 day",
        r's.asfreq\("1D"\)',
    ),
    "prices of another year": (
        lambda: forecaster().fit(
            pd.Series(WAVE, DATES), future_covariates=pd.Series(WAVE, pd.date_range("1999", periods=120))
        ),
        ValueError,
        "row 0 of future_covariates of series 0 is of 1999-01-01, but step 0 of the series is of 2020-01-01",
        "leave dates out",
    ),
    "three values": (lambda: fitted(forecaster(), [1.0, 2.0, 3.0]), ValueError, "at least 10 values", "there are 3"),
    "steps that are no whole number": (
        lambda: forecaster(max_iter=1).fit(WAVE).predict(2.5),
        ValueError,
        "h must be a whole number of at least 1, but 2.5",
    ),
    # -- the network ---------------------------------------------------------------------------------------------------
    "one layer": (lambda: Network(layers.Dense(3, 1)), TypeError, r"Dense\(3, 1\) was given: write Network\(\[...\]\)"),
    "layers as arguments": (
        lambda: Network(layers.Dense(3, 2), layers.Dense(2, 1)),
        TypeError,
        "Network takes layers by position, but 2 arguments were given: put what is a list in brackets",
    ),
    "a class as a layer": (
        lambda: Network([layers.GRU(3, 4), layers.LastStep]),
        TypeError,
        r"layer 1 is <class .*: make one, as LastStep\(...\)",
    ),
    "a network in a network": (lambda: Network([static(), layers.Dense(1, 1)]), TypeError, "(?s)layer 0 .*one list"),
    "no dtype": (lambda: Network([layers.Dense(3, 1)], dtype=None), ValueError, "float32 or float64, but None"),
    "another dtype": (
        lambda: Network([layers.Dense(3, 1)], dtype="single precision"),
        ValueError,
        "float32 or float64",
    ),
    "a seed below 0": (lambda: Network([layers.Dense(3, 1)], seed=-1), ValueError, "seed must be", "-1", "None"),
    "a seed with a point": (lambda: Network([layers.Dense(3, 1)], seed=1.5), ValueError, "seed must be .* 1.5"),
    "softmax twice": (
        lambda: fit(static(2, layers.Activation("softmax")), X, CLASSES, loss=CROSS_ENTROPY),
        ValueError,
        r"CrossEntropy\(\) applies a softmax itself",
        "leave that layer out",
    ),
    "sigmoid twice": (
        lambda: fit(static(1, layers.Activation("sigmoid")), X, CLASSES, loss="binary_cross_entropy"),
        ValueError,
        "applies a sigmoid itself",
        r"Activation\('sigmoid'\)",
    ),
    "one number for all parameters": (
        lambda: setattr(static(), "theta", 0),
        ValueError,
        r"theta must be a vector of shape \(4,\)",
        r"net.theta\[:\] = 0.0",
    ),
    "the network's own fit": (lambda: static().fit(X, Y), AttributeError, r"no attribute 'fit'", r"rnnbp.fit\(net"),
    "another width than it was made with": (
        lambda: changed(0, n_hidden=6).save("changed"),
        ValueError,
        r"could not be loaded, because of layer 0, GRU\(3, 6\): .*'0.input_weight' is of shape \(3, 18\), but it is of "
        r"shape \(3, 15\): were its settings changed after the network was made\? .* make a new network",
    ),
    "other parameters than it was made with": (
        lambda: changed(0, reset="before").save("changed"),
        ValueError,
        r"layer 0, .* '0.recurrent_bias' is not there, but it is of shape \(15,\): were its settings changed",
    ),
    "more parameters than it was made with": (
        lambda: changed(0, bidirectional=True).save("changed"),
        ValueError,
        r"layer 0, .* '0.input_weight_reverse' is of shape \(3, 15\), but it is not there: were its settings changed",
    ),
    "a rate that is none": (
        lambda: changed(1, rate=-3.0).save("changed"),
        ValueError,
        r"layer 1, Dropout\(-3.0\), .* \(the dropout rate must be .*\): were its settings changed",
    ),
    "layers that do not fit any more": (
        lambda: changed(2, bidirectional=True).save("changed"),
        ValueError,
        "could not be loaded: layer 2 does not fit: .* 5 features.*: were a layer's settings changed",
    ),
    # -- arguments -----------------------------------------------------------------------------------------------------
    "swapped, predict": (
        lambda: rnnbp.predict(X, static()),
        TypeError,
        "net must be a Network, but a ndarray",
        "first",
    ),
    "swapped, fit": (lambda: rnnbp.fit(X, Y, static(), loss=MSE), TypeError, "net must be a Network, but a ndarray"),
    "swapped, evaluate": (lambda: rnnbp.evaluate(X, Y, static(), MSE), TypeError, "net must be a Network"),
    "swapped, saliency": (lambda: diagnostics.saliency(X, static()), TypeError, "net must be a Network"),
    "swapped, jacobian": (lambda: rnnbp.jacobian(X, static()), TypeError, "net must be a Network"),
    "an estimator as a network": (lambda: rnnbp.predict(MLPClassifier(), X), TypeError, "an estimator has methods"),
    "layers as a network": (lambda: rnnbp.predict([layers.Dense(3, 1)], X), TypeError, r"as Network\(\[...\]\) does"),
    "loss by position": (lambda: rnnbp.fit(static(), X, Y, MSE), TypeError, "fit takes net, x, target", "loss="),
    "epochs": (lambda: fit(static(), epochs=3), TypeError, "fit takes no argument 'epochs'. Did you mean 'max_epochs'"),
    "verbose": (lambda: fit(static(), verbose=0), TypeError, "Did you mean 'progress'"),
    "lr, of fit": (lambda: fit(static(), lr=0.1), TypeError, "'lr'", "optimizer=optimizers.Adam"),
    "lr, of Adam": (lambda: optimizers.Adam(lr=0.1), TypeError, "Adam takes no argument 'lr'. .*'learning_rate'"),
    "epochs, of an estimator": (lambda: RNNClassifier(epochs=3), TypeError, "Did you mean 'max_iter'"),
    "PyTorch's names": (lambda: layers.LSTM(input_size=3, hidden_size=4), TypeError, "Did you mean 'n_inputs'"),
    "Keras' names": (lambda: layers.GRU(3, units=4), TypeError, "GRU takes no argument 'units'. .*'n_hidden'"),
    "return_sequences": (lambda: layers.LSTM(3, 4, return_sequences=True), TypeError, "LSTM takes no", "LastStep"),
    "an activation in a layer": (lambda: layers.Dense(3, 4, activation="relu"), TypeError, "a layer of its own"),
    "a schedule's": (lambda: optimizers.schedules.step(0.1, step_size=3), TypeError, "step takes no argument"),
    "loss='mse'": (lambda: fit(static(), loss="mse"), ValueError, "Did you mean 'mean_squared_error'"),
    "Keras' cross-entropy": (
        lambda: fit(static(2), X, CLASSES, loss="sparse_categorical_crossentropy"),
        ValueError,
        "Did you mean 'cross_entropy'",
    ),
    "initializer='xavier'": (lambda: layers.Dense(3, 1, weight_initializer="xavier"), ValueError, "mean 'glorot'"),
    "cell='rnn'": (lambda: fitted(classifier(cell="rnn"), SEQUENCES, CLASSES), ValueError, "Did you mean 'elman'"),
    "alpha, of an interval": (
        lambda: fitted(forecaster(), [WAVE]).predict_interval(alpha=0.1),
        TypeError,
        r"RNNForecaster.predict_interval takes no argument 'alpha' \(of an interval, coverage=0.95 is what",
    ),
    "epochs, of an estimator's fit": (
        lambda: classifier().fit(SEQUENCES, CLASSES, epochs=3),
        TypeError,
        r"RNNClassifier.fit takes no argument 'epochs' \(an estimator takes it when it is made, as max_iter=...\)",
        "X, y, sample_weight, groups, X_val, y_val",
    ),
    "validation data, of an estimator's fit": (
        lambda: MLPClassifier(4).fit(X, CLASSES, validation_data=(X, CLASSES)),
        TypeError,
        "MLPClassifier.fit takes no argument 'validation_data' .*X_val=..., y_val=...",
    ),
    "steps, of a forecast": (
        lambda: forecaster().predict(steps=3),
        TypeError,
        "RNNForecaster.predict takes no argument 'steps'. Did you mean 'h'",
    ),
    "a number of steps twice": (
        lambda: fitted(forecaster(), [WAVE]).predict(3, h=5),
        ValueError,
        "X is the number 3, and h is given too: the series comes first",
    ),
    "a number of steps before the series": (
        lambda: fitted(forecaster(), [WAVE]).sample_paths(3, [WAVE]),
        ValueError,
        r"the series comes first, as in predict\(X, h\)",
    ),
    "one sample to stop by": (
        lambda: classifier(early_stopping=True, validation_fraction=0.01).fit(SEQUENCES, CLASSES),
        ValueError,
        "validation_fraction=0.01 sets too few of 20 samples aside for early stopping",
    ),
    "a class weight below 0": (
        lambda: fitted(classifier(class_weight={0: -1, 1: 1}), SEQUENCES, CLASSES),
        ValueError,
        r"the class_weight of 0 must be a number in \[0, inf\), but -1 was given",
    ),
    "a class weight of no class": (
        lambda: fitted(classifier(class_weight={0: 1, 5: 2}), SEQUENCES, CLASSES),
        ValueError,
        r"class_weight has a weight for 5, which is none of the classes: they are \[0, 1\]",
    ),
    "class weights in a list": (
        lambda: fitted(classifier(class_weight=[1, 2]), SEQUENCES, CLASSES),
        ValueError,
        r"class_weight must be a mapping of each class to its weight, but \[1, 2\] was given: write \{0: 1.0, ...\}",
    ),
    "a rate with its unit": (
        lambda: audio.resample(WAVE, from_rate="8k", to_rate=8000),
        ValueError,
        "from_rate must be a positive number of samples a second, but '8k'",
    ),
    "a batch size, of a prediction": (
        lambda: classifier().predict(SEQUENCES, batch_size=32),
        TypeError,
        "RNNClassifier.predict takes no argument 'batch_size'",
    ),
    "a batch size, of a network's run": (
        lambda: recurrent().run(SEQUENCES, batch_size=32),
        TypeError,
        "Network.run takes no argument 'batch_size'.* Its arguments are x, lengths",
    ),
    "another network's class method": (
        lambda: Network.load(filepath="net"),
        TypeError,
        "Network.load takes no argument 'filepath'. Did you mean 'path'. Its arguments are path$",
    ),
    "the width of a mask": (
        lambda: audio.mask_time(X, mask_width=3, rng=RNG),
        TypeError,
        "mask_time takes no argument 'mask_width'. Did you mean 'max_width'",
    ),
    "a folder for data that have their own": (
        lambda: datasets.fetch_mnist("data"),
        TypeError,
        "fetch_mnist takes nothing by position, but 1 arguments were given.*it takes no arguments",
    ),
    "an array for a rate": (
        lambda: audio.resample(WAVE, 8000, 16000),
        TypeError,
        "resample takes wave by position, but 3 arguments were given.* as in from_rate=",
    ),
    "a classifier's forecast": (
        lambda: plotting.ForecastDisplay.from_estimator(classifier(), 3),
        TypeError,
        "estimator must be an RNNForecaster, but RNNClassifier",
    ),
    "more labels than steps to align": (
        lambda: decoding.align(np.eye(3), [1, 1, 2, 2]),
        ValueError,
        "at least 6 steps.* but it has 3: give fewer labels, or logits of more steps",
    ),
    "logits of nothing": (
        lambda: decoding.BeamSearch(5)([[[0.0, 1.0], [-np.inf, -np.inf]]]),
        ValueError,
        "logits of sequence 0 must be finite for at least one class at each step, but at step 1 all are -inf",
    ),
    "a prior of a label without a symbol": (
        lambda: decoding.BeamSearch(5, decoding.NGram(1).fit(["a"]), symbols=["", "a"]).prior([9]),
        ValueError,
        "symbols must be one for each class, but there are 2, and none for the label 9",
    ),
    "words of labels without symbols": (
        lambda: decoding.align(np.eye(3), [1, 2]).words(["_"]),
        ValueError,
        "symbols must be one for each class, but there are 1, and none for the label 1",
    ),
    "numbers as texts": (
        lambda: decoding.NGram(2).fit([1, 2]),
        ValueError,
        "a text must be a str, or a list of words, but 1 was given",
    ),
    "a number of texts": (lambda: decoding.NGram(2).fit(3), ValueError, "texts must be a list of texts, but 3 was"),
    "one text as a list of texts": (
        lambda: decoding.NGram(2).fit(["a b"]).perplexity("a b"),
        ValueError,
        "texts must be a list of texts, but the one text 'a b' was given",
    ),
    "a weight too few": (
        lambda: metrics.mean_absolute_error([1.0, 2.0], [1.0, 2.0], sample_weight=[1]),
        ValueError,
        r"sample_weight must be one number for each of the 2 targets, of shape \(2,\), but its shape is \(1,\)",
    ),
    "names of classes": (
        lambda: metrics.confusion_matrix(["a"], ["b"]),
        ValueError,
        "target must hold whole numbers from 0, one for each class, but holds 'a': number the classes",
    ),
    "no reference": (
        lambda: metrics.edit_distance(None, "a"),
        TypeError,
        "reference must be a text, or a list of words .* but None was given",
    ),
    "lists as words": (
        lambda: metrics.align_edits("a", [[2]]),
        TypeError,
        r"hypothesis must be a text, or a list of words .* but \[\[2\]\] was given",
    ),
    "a coverage of a picture": (
        lambda: plotting.ForecastDisplay.from_estimator(forecaster(), 3, coverage=95),
        TypeError,
        r"takes no argument 'coverage'. Did you mean coverages=\[0.95\]",
    ),
    "one coverage": (
        lambda: plotting.ForecastDisplay.from_estimator(forecaster(), 3, coverages=0.9),
        TypeError,
        r"coverages must be a list of numbers between 0 and 1, such as \[0.95\], but 0.9 was given",
    ),
    "several samples": (
        lambda: plotting.SaliencyDisplay.from_estimator(classifier(), SEQUENCES),
        ValueError,
        r"a sequence must be an array of shape .T, F., but a list of 20 sequences was given",
        r"draw one, from_estimator\(estimator, X\[i\]",
    ),
    "a name as axes": (
        lambda: plotting.learning_curves(rnnbp.History(loss=[1.0]), ax="x"),
        TypeError,
        r"ax must be of class Axes, but of class str was given: pass one that fig, ax = plt.subplots\(\) gives",
    ),
    "a figure as axes": (
        lambda: plotting.learning_curves(rnnbp.History(loss=[1.0]), ax=Figure()),
        TypeError,
        "ax must be of class Axes, but of class Figure",
    ),
    "accuracies of nobody": (
        lambda: plotting.accuracy_against_noise([0, 10], [0.5, 0.6]),
        TypeError,
        r"accuracy must be a mapping of names to values, as .*, but \[0.5, 0.6\] was given",
    ),
    "swapped, plot_transcription": (
        lambda: plotting.plot_transcription(WAVE, rnnbp.CTCTranscriber(4)),
        TypeError,
        "transcriber must be a CTCTranscriber, but a ndarray was given: it comes first",
    ),
    "settings of a report": (
        lambda: diagnostics.TrainingReport(X, Y, MSE, settings="x"),
        TypeError,
        "settings must be a mapping of names to what is shown, .* but 'x' was given",
    ),
    "one loss of a history": (
        lambda: rnnbp.History(loss=1.0),
        TypeError,
        "loss must be a list, with a number for each epoch, but 1.0 was given",
    ),
    "one speed": (
        lambda: datasets.make_connected_digits(1, speed=1.0),
        ValueError,
        "speed must be two numbers, the least and the largest, but 1.0 was given",
    ),
    "symbols too few": (
        lambda: datasets.decode([np.eye(9)], "ab"),
        ValueError,
        r"sequence 0 must have shape \(T, 2\), with a column for each of the symbols 'ab', but its shape is \(9, 9\)",
    ),
    "a number as a string": (lambda: datasets.is_reber(3), TypeError, "string must be a str, .* but 3 was given"),
    "rows as a table": (
        lambda: datasets.read_sequences([[1, 2]]),
        TypeError,
        r"table must be a path of a CSV file, a data frame, or a mapping .* but \[\[1, 2\]\] was given",
    ),
    "columns of other lengths": (
        lambda: datasets.read_sequences({"a": [1, 2], "b": [1]}),
        ValueError,
        "columns must be of one length, but 'a' has 2 rows, and 'b' has 1",
    ),
    "one feature": (
        lambda: datasets.read_sequences({"a": [1], "b": [2]}, features="ab"),
        TypeError,
        r"features must be a list of columns, but 'ab' was given: write \['ab'\]",
    ),
    "labels of steps, without a label": (
        lambda: datasets.read_sequences({"a": [1]}, label_per_step=True),
        ValueError,
        "label must be a column where label_per_step is True, but none was given",
    ),
    "a name of recordings": (
        lambda: datasets.load_spoken_digits("test").select("a"),
        ValueError,
        "which must be a list of indices, or of 240 booleans, but 'a' was given",
    ),
    "a short mask": (
        lambda: datasets.load_spoken_digits("test").select([True, False]),
        ValueError,
        r"which must be a list of indices, or of 240 booleans, but \[True, False\] was given",
    ),
    "samples that there are not": (
        lambda: model_selection.check_groups_apart([1, 1, 2], [0], [9]),
        ValueError,
        "test must be indices from 0 to 2, but 9 was given",
    ),
    "a transformer in a union": (
        lambda: preprocessing.SequenceUnion(SequenceScaler()),
        TypeError,
        r"transformer_list must be a list of names and transformers, as \[.*but SequenceScaler\(\) was given",
    ),
    "activations of a sequence that there is not": (
        lambda: diagnostics.activations(recurrent(), SEQUENCES).of(99),
        IndexError,
        "index must be that of one of the 20 sequences or examples, but 99 was given",
    ),
    "activations of an example that there is not": (
        lambda: diagnostics.activations(static(), X).of(-21),
        IndexError,
        "index must be that of one of the 20 sequences or examples, but -21 was given",
    ),
    "metadata that JSON cannot hold": (
        lambda: interop.rtneural.export_aidax(
            Network([layers.GRU(1, 4), layers.Dense(4, 1)]), "a.json", sample_rate=48000, metadata={"a": object()}
        ),
        ValueError,
        "metadata must be what JSON can hold, but {'a': <object .* was given",
    ),
    "metadata of a plugin in a list": (
        lambda: interop.rtneural.export_aidax(
            Network([layers.GRU(1, 4), layers.Dense(4, 1)]), "a.json", sample_rate=48000, metadata=[1]
        ),
        TypeError,
        r"metadata must be a mapping, .* but \[1\] was given",
    ),
    "flags of a compiler": (
        lambda: interop.c.verify(recurrent(), SEQUENCES, flags="-O2 -g"),
        TypeError,
        r"flags must be a list of str, one a flag, but '-O2 -g' was given: write \['-O2', '-g'\]",
    ),
    "a network that is called": (lambda: static()(X), TypeError, r"not called: write rnnbp.predict\(net, x\)"),
    "a function as learning rate": (
        lambda: optimizers.Adam(lambda epoch: 1e-3),
        TypeError,
        "learning_rate must be a number or a schedule, but <function .* was given",
        r"Adam\(schedules.cosine",
    ),
    "compile": (lambda: static().compile(), AttributeError, "a Network has no attribute 'compile': loss and optimizer"),
    "history.history": (
        lambda: rnnbp.History().history,
        AttributeError,
        "a History has no attribute 'history': its lists are attributes, such as loss and validation_loss",
    ),
    "trainable, of a layer": (
        lambda: setattr(static().layers[0], "trainable", False),
        AttributeError,
        r"Dense\(3, 1\) has no attribute 'trainable' \(every layer learns: .* rnnbp.predict\)",
    ),
    "trainable, of a network": (
        lambda: setattr(static(), "trainable", False),
        AttributeError,
        "a Network has no attribute 'trainable': every layer learns",
    ),
    "trainable, of a layer that is made": (
        lambda: layers.Dense(3, 4, trainable=False),
        TypeError,
        "Dense takes no argument 'trainable' .every layer learns",
    ),
    "a score by name": (
        lambda: fit(static(2), X, CLASSES, loss=CROSS_ENTROPY, validation_data=(X, CLASSES), score="accuracy"),
        TypeError,
        "score must be a function of target and output, but 'accuracy'",
        "rnnbp.metrics.accuracy",
    ),
    "a score of one argument": (
        lambda: fit(static(), validation_data=(X, Y), score=lambda target: 0.0),
        TypeError,
        "score must be a function of target and output",
    ),
    "one callback": (
        lambda: fit(static(), callbacks=callbacks.EarlyStopping(3)),
        TypeError,
        r"callbacks must be a list of functions, but EarlyStopping\(3\) was given: write callbacks=\[...\]",
    ),
    "a callback's class": (
        lambda: fit(static(), callbacks=[callbacks.EarlyStopping]),
        TypeError,
        r"the class EarlyStopping was given: make one",
    ),
    "a callback of other arguments": (
        lambda: fit(static(), callbacks=[lambda epoch: None]),
        TypeError,
        "a callback must be a function of network and history",
    ),
    "one file for the checkpoint and the best network": (
        lambda: fit(static(), callbacks=[callbacks.BestModelCheckpoint("twice")], checkpoint="./twice"),
        ValueError,
        "BestModelCheckpoint and checkpoint both write twice: give each a file of its own",
    ),
    "one file for a made checkpoint and the log": (
        lambda: fit(static(), callbacks=[callbacks.CSVLog("twice")], checkpoint=rnnbp.Checkpoint("twice")),
        ValueError,
        "CSVLog and checkpoint both write twice",
    ),
    "one file for two callbacks": (
        lambda: fit(static(), callbacks=[callbacks.BestModelCheckpoint("twice"), callbacks.CSVLog("twice")]),
        ValueError,
        "CSVLog and BestModelCheckpoint both write twice",
    ),
    "an array as a number of epochs": (
        lambda: fit(static(), max_epochs=np.array([3])),
        ValueError,
        r"max_epochs must be a whole number of at least 1, but array\(\[3\]\) was given",
    ),
    "an array as a width": (
        lambda: layers.Dense(np.array([3]), 2),
        ValueError,
        r"n_inputs must be a whole number .*\[",
    ),
    "an initializer's class": (
        lambda: layers.Dense(3, 2, weight_initializer=initializers.He),
        ValueError,
        r"the class He is no initializer: make one, as He\(...\) does",
    ),
    "steps the wrong way round": (
        lambda: optimizers.Rprop(min_step=10, max_step=1),
        ValueError,
        "min_step 10 must be at most max_step 1",
    ),
    "a probability of 2": (lambda: rnnbp.NextStep(2.0), ValueError, r"probability must be a number in \[0, 1\]"),
    "half a probability": (lambda: rnnbp.NextStep("half"), ValueError, r"probability must be a number .* 'half' was"),
    "no path at all": (lambda: static().save(""), FileNotFoundError, "an empty path names no file"),
    "states that are no numbers": (
        lambda: recurrent().run(SEQUENCES, initial_states={"0.h": np.full((20, 4), np.nan)}),
        ValueError,
        r"state '0\.h' holds NaN or infinity",
    ),
    "an infinite state": (
        lambda: recurrent().forward(SEQUENCES, initial_states={"0.h": np.full((20, 4), np.inf)}),
        ValueError,
        r"state '0\.h' holds NaN or infinity",
    ),
    "an estimator's one callback": (
        lambda: fitted(classifier(callbacks=callbacks.EarlyStopping(3)), SEQUENCES, CLASSES),
        TypeError,
        "callbacks must be a list",
    ),
    "seed=1.5": (lambda: fit(static(), seed=1.5), ValueError, "seed must be a whole number of at least 0", "1.5"),
    "seed=-1": (lambda: fit(static(), seed=-1), ValueError, "seed must be a whole number of at least 0", "-1"),
    "random_state=-1": (
        lambda: fitted(classifier(random_state=-1), SEQUENCES, CLASSES),
        ValueError,
        "random_state must be .* -1 was given",
    ),
    "shuffle='no'": (
        lambda: fit(static(), shuffle="no"),
        ValueError,
        "shuffle must be True, False or .later., but 'no'",
    ),
    "augment without return": (lambda: fit(static(), augment=lambda x, rng: None), ValueError, "augment .* None"),
    "augment of one argument": (lambda: fit(static(), augment=lambda x: x), TypeError, "augment must be a function of"),
    "a checkpoint that is no path": (lambda: fit(static(), checkpoint=True), TypeError, "checkpoint must be a path"),
    "saved as a number": (lambda: static().save(3), TypeError, "path must be a path, but 3 was given"),
    "saved where there is no folder": (
        lambda: static().save("no/such/folder/net"),
        FileNotFoundError,
        r"there is no directory \S*no/such/folder: 'no/such/folder/net'",
    ),
    "a folder that is loaded": (
        lambda: rnnbp.load("."),
        FileNotFoundError,
        "there is no model file .: it is a directory",
    ),
    "nothing that is loaded": (lambda: rnnbp.load(None), TypeError, "path must be a path, but None was given"),
    "metadata in a list": (lambda: static().save("net", metadata=[1]), TypeError, "metadata must be a mapping"),
}


ELSEWHERE = {  # what others call it, and what is to be written here
    layers: {
        "Bidirectional": "bidirectional=True",
        "Masking": "nothing is padded",
        "SimpleRNN": "write Elman(n_inputs, n_hidden)",
        "Linear": "write Dense(n_inputs, n_outputs)",
        "ReLU": "write Activation('relu')",
    },
    callbacks: {
        "ModelCheckpoint": "write BestModelCheckpoint(path)",
        "ReduceLROnPlateau": "schedules.reduce_on_plateau",
    },
    rnnbp.initializers: {"GlorotUniform": "write Glorot()"},
    losses: {"MSELoss": "write MeanSquaredError()"},
    optimizers: {"lr_scheduler": "schedules are in optimizers.schedules"},
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in ELSEWHERE for name in ELSEWHERE[module]])
def test_what_a_module_has_under_another_name_is_said_and_is_not_there(module, name):
    message = f"module '{module.__name__}' has no attribute '{name}': "
    with pytest.raises(AttributeError, match=f"^{re.escape(message)}.*{re.escape(ELSEWHERE[module][name])}"):
        getattr(module, name)
    assert not hasattr(module, name)
    assert name not in dir(module)
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Unheard'$"):
        module.Unheard  # noqa: B018


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in ELSEWHERE for name in ELSEWHERE[module]])
@pytest.mark.parametrize("before", ["", "x = y = 0\n", "".join(f"x{k} = 0\n" for k in range(300))], ids=len)
def test_what_a_module_has_under_another_name_is_said_where_that_is_imported(module, name, before):
    message = f"cannot import name '{name}' from '{module.__name__}': "
    with pytest.raises(ImportError, match=f"^{re.escape(message)}.*{re.escape(ELSEWHERE[module][name])}") as caught:
        exec(f"{before}from {module.__name__} import {name}", {})
    assert caught.value.name == module.__name__
    with pytest.raises(ImportError, match="cannot import name 'Unheard'"):
        exec(f"{before}from {module.__name__} import Unheard", {})


@pytest.mark.parametrize("thing", [static(), rnnbp.History(loss=[1.0])], ids=["network", "history"])
def test_hints_are_seen_by_nobody_who_does_not_ask(thing):
    name = "compile" if isinstance(thing, Network) else "history"
    assert not hasattr(thing, name)
    assert name not in dir(thing)
    for again in (copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        assert repr(again(thing)) == repr(thing)
    with pytest.raises(AttributeError, match=r"object has no attribute 'unheard'$"):
        thing.unheard  # noqa: B018


def public():
    """Yield the functions that users call and the classes that they make, with the names they know them by."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            is_made = inspect.isclass(thing) and issubclass(thing, BaseEstimator | Configurable)
            if inspect.isfunction(thing) or (is_made and not inspect.isabstract(thing)):
                yield f"{module.__name__}.{name}", thing


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*each, id=each[0]) for each in public()])
def test_a_public_name_says_what_it_takes(name, thing):
    with pytest.raises(TypeError, match=r" takes no argument 'unheard'\. It[ s]|\(\) takes no arguments$"):
        thing(unheard=1)


def test_estimators_keep_their_signatures():
    """scikit-learn reads them: what is routed, and which methods take weights."""
    assert list(inspect.signature(classifier().fit).parameters) == [
        "X", "y", "sample_weight", "groups", "X_val", "y_val"
    ]  # fmt: skip
    assert sklearn.utils.validation.has_fit_parameter(classifier(), "sample_weight")
    assert list(inspect.signature(RNNClassifier.predict).parameters) == ["self", "X"]
    assert hasattr(classifier(), "partial_fit")
    assert not hasattr(classifier(solver="lbfgs"), "partial_fit")


class Counting(layers.Dense):
    """A layer of one's own, with attributes before and after its base's."""

    passes: int = 0

    def __init__(self, n_inputs, n_outputs):
        self.before = n_inputs
        super().__init__(n_inputs, n_outputs)
        self.after = n_outputs

    def forward(self, parameters, x, context):
        self.passes += 1
        self._last = x
        return super().forward(parameters, x, context)


def test_a_layer_of_one_s_own_has_attributes_of_its_own():
    for layer in (Counting(3, 2), copy.deepcopy(Counting(3, 2)), pickle.loads(pickle.dumps(Counting(3, 2)))):
        assert (layer.before, layer.after) == (3, 2)
        layer.before, layer.n_outputs = 4, 2
        rnnbp.predict(Network([layer]), X)
        assert layer.passes == 1
        with pytest.raises(AttributeError, match=r"Counting\(3, 2\) has no attribute 'requires_grad'"):
            layer.requires_grad = False


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("mistake", ERRORS)
def test_a_mistake_is_refused_before_anything_is_done(mistake):
    make, error, *fragments = ERRORS[mistake]
    with pytest.raises(error) as caught:
        make()
    for fragment in fragments:
        assert caught.match(fragment)


def test_a_score_that_cannot_be_computed_says_of_what():
    with pytest.raises(ValueError, match=r"accuracy_score.* cannot score targets of shape \(20,\) and outputs"):
        rnnbp.evaluate(static(2), X, CLASSES, CROSS_ENTROPY, score=sklearn.metrics.accuracy_score)


@pytest.mark.parametrize("score", [lambda target, output: None, lambda target, output: output])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(TypeError, match="the score must be one number"):
        rnnbp.evaluate(static(), X, Y, MSE, score=score)


@pytest.mark.parametrize("answer", [np.zeros(3), np.float64(0.0), 1, "stop", static()], ids=range(5))
def test_a_callback_that_returns_something_else_is_told_what_to_return(answer):
    with pytest.raises(TypeError, match=r"(?s)a callback must return True, False or None, but .* has returned"):
        rnnbp.fit(static(), X, Y, loss=MSE, callbacks=[lambda net, history: answer])


@pytest.mark.parametrize("answer", [True, np.True_, False, np.False_, None])
def test_a_callback_may_end_training(answer):
    history = rnnbp.fit(static(), X, Y, loss=MSE, max_epochs=2, callbacks=[lambda net, history: answer])
    assert len(history) == 1 + (not answer)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: tagger().stream(), r"a stream .*: make another of the network, by net.stream\(\)"),
        (lambda: LiveTranscription(tagger(3), Alphabet("ab"), None), "a live transcription .*: make another"),
        (
            lambda: OnlineLearner(Network([layers.GRU(3, 2, gradient=gradients.RTRL())]), MSE),
            "an OnlineLearner .*: copy its network, and make another learner",
        ),
        (lambda: static().run(X), "a Pass .*: copy its output or final_states, or run the network again"),
    ],
    ids=["stream", "live", "online", "pass"],
)
def test_what_is_bound_to_its_network_is_not_copied(make, advice, copied):
    with pytest.raises(TypeError, match=advice):
        copied(make())


@pytest.mark.parametrize("log", [callbacks.CSVLog, callbacks.BestModelCheckpoint, rnnbp.Checkpoint])
def test_a_folder_is_no_file(tmp_path, log):
    with pytest.raises(ValueError, match="it is a directory"):
        log(tmp_path)


def test_files_are_not_taken_for_each_other(tmp_path):
    static().save(tmp_path / "net")
    rnnbp.fit(static(), X, Y, loss=MSE, max_epochs=1, checkpoint=tmp_path / "run")
    with pytest.raises(rnnbp.ModelFileError, match=r"it is a checkpoint, which rnnbp\.fit"):
        Network.load(tmp_path / "run")
    with pytest.raises(rnnbp.CheckpointError, match="no checkpoint; is it a saved network"):
        fit(static(), checkpoint=tmp_path / "net")


def test_a_class_of_one_s_own_must_be_imported_before_it_is_loaded(tmp_path):
    class NobodyElses(layers.Dense):
        """Dense by another name."""

    class _Hidden(layers.Dense):
        """One that is nobody's business."""

    Network([NobodyElses(3, 1)]).save(tmp_path / "net")
    NobodyElses.__name__ = "Other"
    with pytest.raises(
        rnnbp.ModelFileError, match=r"unknown layer 'NobodyElses'.*import the module that defines it"
    ) as caught:
        Network.load(tmp_path / "net")
    assert "_Hidden" not in str(caught.value)


# -- what may be meant -------------------------------------------------------------------------------------------------

ONE_HOT = np.eye(3)[RNG.integers(0, 3, 20)]
WARNINGS = {
    "a table of 120 steps": (
        lambda: fitted(forecaster(max_iter=1), TABLE),
        r"\(120, 2\) is read as 120 series of 2 steps each",
        r"pass \[X\]",
        r"list\(X\)",
    ),
    "numbered rows, the last first": (
        lambda: fitted(forecaster(max_iter=1), pd.Series(WAVE)[::-1]),
        "the index of X does not increase: it begins with 119 and 118",
        r"s.sort_index\(\)",
    ),
    "a holiday": (
        lambda: fitted(forecaster(max_iter=1), pd.Series(WAVE, pd.bdate_range("2020", periods=121).delete(50))),
        "2020-03-12 follows 2020-03-10, but elsewhere there are dates in between",
    ),
    "channels first": (
        lambda: fitted(classifier(), RNG.normal(size=(20, 3, 50)), CLASSES),
        r"\(20, 3, 50\) is read as 20 sequences of 3 steps with 50 features",
        r"swapaxes\(1, 2\)",
    ),
    "one sequence without its list, a tagger": (
        lambda: fitted(RNNTagger(4, gradient=TEXT), X, CLASSES),
        r"\(20, 3\) with a label for each row is read as 20 sequences of one step",
        r"fit to \[X\], \[y\]",
    ),
    "one-hot labels": (
        lambda: fitted(classifier(), SEQUENCES, ONE_HOT),
        "read as 3 yes-or-no labels",
        r"y.argmax\(axis=1\)",
    ),
    "the wrong end of a bidirectional layer": (
        lambda: Network([layers.GRU(3, 4, bidirectional=True), layers.LastStep()]),
        r"layer 1, LastStep\(\), follows GRU\(3, 4, bidirectional=True\)",
        r"write LastStep\(bidirectional=True\)",
    ),
    "the wrong end, past a dropout": (
        lambda: Network([layers.GRU(3, 4, bidirectional=True), layers.Dropout(0.5), layers.LastStep()]),
        "one direction of which has there seen that one frame only",
    ),
    "the wrong end of a reversed layer": (
        lambda: Network([layers.GRU(3, 4, reverse=True), layers.LastStep()]),
        "one frame only",
    ),
    "halves of one direction": (
        lambda: Network([layers.GRU(3, 4), layers.LastStep(bidirectional=True)]),
        "which is not bidirectional",
        r"write LastStep\(\)",
    ),
    "a loss that grows": (
        lambda: rnnbp.fit(static(), 10 * X, Y, loss=MSE, optimizer=optimizers.SGD(0.1), max_epochs=10),
        r"the loss has grown from .* training diverges, though all is still finite",
        "lower learning rate",
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("mistake", WARNINGS)
def test_what_may_be_meant_is_warned_of_once_where_it_was_written(mistake):
    make, *fragments = WARNINGS[mistake]
    with pytest.warns((UserWarning, RuntimeWarning)) as caught:
        make()
    found = [each for each in caught if all(re.search(part, str(each.message)) for part in fragments)]
    assert len(found) == 1
    assert found[0].filename == __file__


@pytest.mark.filterwarnings("error", "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: fitted(forecaster(max_iter=1), [TABLE]),
        lambda: fitted(forecaster(max_iter=1), TABLE.T),
        lambda: fitted(forecaster(max_iter=1), list(TABLE)),
        lambda: fitted(forecaster(max_iter=1), pd.Series(WAVE, index=DATES)),
        lambda: fitted(forecaster(max_iter=1), [pd.DataFrame(TABLE, index=DATES)]),
        lambda: fitted(classifier(), list(RNG.normal(size=(20, 3, 50))), CLASSES),
        lambda: fitted(classifier(), RNG.normal(size=(20, 50, 3)), CLASSES),
        lambda: fitted(RNNTagger(4, gradient=TEXT), list(X[:, None]), list(CLASSES[:, None])),
        lambda: fitted(RNNTagger(4, gradient=TEXT), [X], [CLASSES]),
        lambda: fitted(RNNTagger(4, gradient=TEXT), SEQUENCES, [np.arange(len(each)) % 2 for each in SEQUENCES]),
        lambda: Network([layers.GRU(3, 4, bidirectional=True), layers.LastStep(bidirectional=True)]),
        lambda: Network([layers.GRU(3, 4, bidirectional=True), layers.GRU(8, 4), layers.LastStep()]),
        lambda: fit(static(2, layers.Activation("softmax")), X, np.eye(2)[CLASSES]),
        lambda: fit(static(), np.ma.masked_array(X)),
        lambda: fit(static(), pd.DataFrame(X, index=range(100, 120)), pd.Series(Y[:, 0], index=DATES[:20])),
        lambda: fit(static(), callbacks=(callback for callback in [callbacks.EarlyStopping(2)])),
        lambda: rnnbp.predict(Network([layers.Activation("tanh")]), X),
        lambda: rnnbp.predict(static(), X.tolist()),
        lambda: losses.CrossEntropy()([[0.0, 0.0]], [1]),
    ],
)
def test_what_is_right_is_neither_refused_nor_warned_of(make):
    make()


COLUMNS = pd.DataFrame(X, columns=list("abc"))


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS.astype("Float64"),
        COLUMNS.astype("Float32").astype("Float64"),
        COLUMNS.astype(object),
        COLUMNS.round().astype("Int64"),
        (COLUMNS > 0).astype("boolean"),
        COLUMNS.assign(b=(COLUMNS["b"] > 0).astype("boolean"), c=COLUMNS["c"].astype("Float64")),
    ],
    ids=["Float64", "Float32", "object", "Int64", "boolean", "mixed"],
)
def test_numbers_of_data_frames_are_numbers_however_they_are_kept(table):
    """As NumPy gives them where it is told to make floats."""
    plain = table.to_numpy(dtype=float)
    for net, given, same in ((static(), table, plain), (recurrent(), [table, table[:3]], [plain, plain[:3]])):
        np.testing.assert_array_equal(rnnbp.predict(net, given), rnnbp.predict(net, same))
    trained = [static(), static()]
    for net, target in zip(trained, (table[["a"]], plain[:, :1]), strict=True):
        fit(net, X, target)
    np.testing.assert_array_equal(trained[0].theta, trained[1].theta)
    scaled = [SequenceScaler().fit_transform([each])[0] for each in (table, plain)]
    np.testing.assert_array_equal(*scaled)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [float, Decimal])
@pytest.mark.parametrize("form", [list, pd.Series, np.array])
def test_a_series_of_objects_that_are_numbers_is_a_series(kind, form):
    objects = np.array([kind(value) for value in WAVE], dtype=object)
    given = [objects] if form is list else form(objects, dtype=object)
    model, same = (forecaster(max_iter=1, random_state=0) for _ in range(2))
    expected = same.fit([WAVE] if form is list else WAVE).predict(3)
    np.testing.assert_array_equal(model.fit(given).predict(3), expected)
    np.testing.assert_array_equal(model.predict(given, 3), expected)


def test_class_indices_among_objects_are_whole_numbers():
    indices = pd.Series(CLASSES).astype("Int64")
    given = [Network([layers.Dense(3, 2)], seed=0) for _ in range(2)]
    for net, target in zip(given, (indices, CLASSES), strict=True):
        rnnbp.fit(net, X, target, loss=CROSS_ENTROPY, max_epochs=2)
    np.testing.assert_array_equal(given[0].theta, given[1].theta)


def test_a_warning_points_at_the_line_of_the_user():
    def make():
        Network([layers.GRU(1, 2, reverse=True), layers.LastStep()])

    with pytest.warns(UserWarning, match="has there seen that one frame only") as caught:
        make()
    assert [(each.filename, each.lineno) for each in caught] == [(__file__, make.__code__.co_firstlineno + 1)]

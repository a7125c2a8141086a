"""Audio features in C: from the samples of a recording to the frames that a network takes.

The equations are those of `rnnbp.audio.spectral`. They look at a whole recording (its loudest value, each feature's
mean), so it must be in memory; frames are not, but are computed anew in each of three passes::

    model_listen     trim; the largest mel power, for the floor of the decibels; each feature's mean and deviation
    model_features   the features of frame t

The transform is a complex one of radix 2, K log2(K) / 2 butterflies a frame.
"""

from __future__ import annotations

import math
from string import Template
from typing import Any

import numpy as np

from rnnbp.audio.features import AudioFeatures
from rnnbp.audio.frontend import Frontend
from rnnbp.audio.spectral import DYNAMIC_RANGE, FLAT
from rnnbp.interop.c.header import Header
from rnnbp.interop.c.text import array, literal

__all__ = ["add_features"]

TEXT = Template("""
/* -- audio: from samples at $rate Hz, nominally from -1 to 1, to frames -- */

#define ${STEM}_SAMPLE_RATE $rate
#define ${STEM}_FRAME $frame
#define ${STEM}_HOP $hop

$tables

/* A recording, and what is known of all of it. */
struct ${stem}_recording {
    const float *samples;
    size_t n_samples;
    size_t n_frames;
    float floor;
    float mean[$n_features];
    float scale[$n_features];
};

/* The power of frame t in each mel band. */
static inline void ${stem}_mel_power(const struct ${stem}_recording *r, size_t t, float *power)
{
    float re[$n_fft], im[$n_fft];
    int i, j, k, half;
    for (k = 0, i = 0; k < $n_fft; ++k) {
        /* i is k with its bits in reverse, where the transform begins */
        const size_t place = t * $hop + (size_t)k;
        const int inside = k < $frame && place >= $before && place - $before < r->n_samples;
        re[i] = inside ? r->samples[place - $before] * ${stem}_window[k] : 0.0f;
        im[i] = 0.0f;
        for (j = $n_fft / 2; j > 0 && (i & j); j /= 2)
            i ^= j;
        i |= j;
    }
    for (half = 1; half < $n_fft; half *= 2)
        for (i = 0; i < $n_fft; i += 2 * half)
            for (j = 0; j < half; ++j) {
                const float c = ${stem}_cosine[j * ($n_fft / 2 / half)], s = ${stem}_sine[j * ($n_fft / 2 / half)];
                const int a = i + j, b = i + j + half;
                const float x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
    for (k = 0; k <= $n_fft / 2; ++k)
        re[k] = re[k] * re[k] + im[k] * im[k];
    for (j = 0, i = 0; j < $n_mels; ++j) {
        power[j] = 0.0f;
        for (k = 0; k < ${stem}_band_width[j]; ++k, ++i)
            power[j] += re[${stem}_band_start[j] + k] * ${stem}_band_weight[i];
    }
}

/* The features of frame t before they are normalised. */
static inline void ${stem}_static_features(const struct ${stem}_recording *r, size_t t, float *x)
{
    float level[$n_mels];
    int j;
    ${stem}_mel_power(r, t, level);
    for (j = 0; j < $n_mels; ++j)
        level[j] = $ten_log10_e * ${stem}_log(${stem}_maximum(level[j], r->floor));
    $cepstrum
}

/* The features of frame t, below r->n_frames: ${STEM}_N_INPUTS numbers. */
static inline void ${stem}_features(const struct ${stem}_recording *r, size_t t, float *x)
{
    int j;
    ${stem}_static_features(r, t, x);
    for (j = 0; j < $n_features; ++j)
        x[j] = (x[j] - r->mean[j]) * r->scale[j];
}

/*
 * Look at a recording, which must last as long as r is used.
 * Return 1, or 0 if it is shorter than one frame, silent, or far too quiet or loud.
 */
static inline int ${stem}_listen(struct ${stem}_recording *r, const float *samples, size_t n_samples)
{
    float x[$widest], largest = 0.0f;
    size_t t;
    int j;
    if (n_samples < $frame)
        return 0;
    r->samples = samples;
    r->n_samples = n_samples;
    r->floor = 0.0f;
$trim
    r->n_frames = 1 + r->n_samples / $hop;
    for (t = 0; t < r->n_frames; ++t) {
        ${stem}_mel_power(r, t, x);
        for (j = 0; j < $n_mels; ++j)
            largest = ${stem}_maximum(largest, x[j]);
    }
    r->floor = largest * $floor;
    if (!(r->floor > 0.0f) || r->floor - r->floor != 0.0f)
        return 0;
    for (j = 0; j < $n_features; ++j) {
        r->mean[j] = 0.0f;
        r->scale[j] = 1.0f;
    }
$normalize
    return 1;
}
""")

TRIM = Template("""\
    {
        /* from the first frame that is loud enough to the last one, about the mean */
        const size_t end = n_samples - $frame;
        double mean = 0.0, loudest = 0.0;
        size_t first = end, last = 0;
        int pass;
        for (t = 0; t < n_samples; ++t)
            mean += (double)samples[t];
        mean /= (double)n_samples;
        for (pass = 0; pass < 2; ++pass)
            for (t = 0;; t = t + $hop < end ? t + $hop : end) {
                double energy = 0.0;
                for (j = 0; j < $frame; ++j)
                    energy += ((double)samples[t + (size_t)j] - mean) * ((double)samples[t + (size_t)j] - mean);
                if (pass == 0 && energy > loudest)
                    loudest = energy;
                if (pass == 1 && energy >= loudest * $threshold) {
                    first = t < first ? t : first;
                    last = t;
                }
                if (t == end)
                    break;
            }
        r->samples = samples + first;
        r->n_samples = last + $frame - first;
    }""")

NORMALIZE = Template("""\
    {
        double mean[$n_features] = {0}, squares[$n_features] = {0};
        for (t = 0; t < r->n_frames; ++t) {
            ${stem}_static_features(r, t, x);
            for (j = 0; j < $n_features; ++j) {
                const double before = (double)x[j] - mean[j];
                mean[j] += before / (double)(t + 1);
                squares[j] += before * ((double)x[j] - mean[j]);
            }
        }
        for (j = 0; j < $n_features; ++j) {
            r->mean[j] = (float)mean[j];
$scale
        }
    }""")


# A feature that does not move becomes zeros.
SCALE = Template("""\
            r->scale[j] = ${stem}_sqrt((float)(squares[j] / (double)r->n_frames));
            r->scale[j] = r->scale[j] > $flat ? 1.0f / r->scale[j] : 0.0f;""")


def add_features(header: Header, features: Any, n_inputs: int) -> str:
    """Return the text that computes features, and name in the header what it calls.

    Raises
    ------
    TypeError
        If `features` is no `AudioFeatures`.
    ValueError
        If it has time derivatives, which look ahead, or another number of features than the network takes, or if the
        header does not compute in float32.
    """
    if not isinstance(features, AudioFeatures):
        raise TypeError(f"features must be AudioFeatures(...), but {type(features).__name__} was given")
    front = Frontend(**features.settings())
    if front.deltas:
        raise ValueError(f"features must have no time derivatives (deltas=0), but deltas={front.deltas} was given")
    n_features = len(front.feature_names)
    if n_features != n_inputs:
        raise ValueError(f"features must be as many as the network takes, {n_inputs}, but {n_features} were given")
    if header.frame_type != "float":
        raise ValueError("features are float32: the header must take and compute such, but dtype float64 was given")
    for function in ("log", "maximum", "sqrt", "add_product"):
        header.functions.name(function)
    names = {
        "stem": header.stem,
        "STEM": header.stem.upper(),
        "rate": front.sample_rate,
        "frame": front.frame,
        "hop": front.hop,
        "n_fft": front.n_fft,
        "n_mels": front.n_mels,
        "n_features": n_features,
        "widest": max(front.n_mels, n_features),
        "before": front.n_fft // 2 - (front.n_fft - front.frame) // 2,
        "ten_log10_e": literal(10.0 / math.log(10.0), "float32"),
        "floor": literal(10.0 ** (-DYNAMIC_RANGE / 10), "float32"),
        "threshold": None if front.trim is None else literal(10.0 ** (-float(front.trim) / 10), "float64"),
        "scale": SCALE.substitute(stem=header.stem, flat=literal(FLAT, "float32")),
    }
    if front.kind == "mfcc":
        cepstrum = (
            f"memset(x, 0, {n_features} * sizeof(float));\n"
            f"    {header.stem}_add_product(level, {front.n_mels}, {header.stem}_cepstrum, x, {n_features});"
        )
    else:
        cepstrum = f"memcpy(x, level, {n_features} * sizeof(float));"
    return TEXT.substitute(
        names,
        tables="\n\n".join(array(f"{header.stem}_{name}", values) for name, values in _tables(front).items()),
        cepstrum=cepstrum,
        trim="" if front.trim is None else TRIM.substitute(names),
        normalize="" if front.normalize is None else _normalization(front, names),
    )


def _normalization(front: Frontend, names: dict[str, Any]) -> str:
    """Return what measures each feature's mean, and its deviation where it is divided by that."""
    scaled = names["scale"] if front.normalize == "utterance" else "            (void)squares[j];"
    return NORMALIZE.substitute({**names, "scale": scaled})


def _tables(front: Frontend) -> dict[str, Any]:
    """Return the constant arrays: window, transform, bands, and the cosine transform where there is one."""
    angles = np.linspace(0, np.pi, front.n_fft // 2, endpoint=False)
    bank = front.filterbank()
    spans = [np.flatnonzero(bank[:, j])[[0, -1]] for j in range(bank.shape[1])]
    tables = {
        "window": 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front.frame) / front.frame),
        "cosine": np.cos(angles),
        "sine": np.sin(angles),
        "band_weight": np.concatenate([bank[first : last + 1, j] for j, (first, last) in enumerate(spans)]),
    }
    if front.kind == "mfcc":
        n, q = np.arange(front.n_mels), np.arange(front.n_mfcc)
        scale = np.where(q == 0, math.sqrt(1 / front.n_mels), math.sqrt(2 / front.n_mels))
        tables["cepstrum"] = scale * np.cos(np.pi * (n[:, None] + 0.5) * q / front.n_mels)
    found: dict[str, Any] = {name: values.astype(np.float32) for name, values in tables.items()}
    found["band_start"] = np.array([first for first, _ in spans], np.int16)
    found["band_width"] = np.array([last + 1 - first for first, last in spans], np.int16)
    return found

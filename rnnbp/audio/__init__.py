"""Sound: reading files, features for recurrent networks, and augmentation.

Sample rates are never implicit: whatever needs one asks for it.
"""

from rnnbp.audio.augmentation import (
    add_noise,
    change_speed,
    gain,
    mask_frequency,
    mask_time,
    shift_pitch,
    stretch_time,
    time_shift,
)
from rnnbp.audio.features import AudioFeatures
from rnnbp.audio.files import load, resample
from rnnbp.audio.waveform import AudioError

__all__ = [
    "AudioError",
    "AudioFeatures",
    "add_noise",
    "change_speed",
    "gain",
    "load",
    "mask_frequency",
    "mask_time",
    "resample",
    "shift_pitch",
    "stretch_time",
    "time_shift",
]

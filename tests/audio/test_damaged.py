"""Damaged, cut, mislabelled and absurd audio files: refused with `AudioError`, before memory is taken."""

import io
import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from rnnbp import audio
from rnnbp.audio import containers

RATE = 8000
WAVE = (0.3 * np.sin(np.arange(6000) / 5) + 0.02 * np.random.default_rng(0).standard_normal(6000)).astype(np.float32)
FORMATS = {
    "WAV": ("PCM_16", "PCM_U8", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM", "G721_32"),
    "WAVEX": ("PCM_16", "PCM_24"),
    "RF64": ("PCM_16", "FLOAT"),
    "W64": ("PCM_16", "DOUBLE", "GSM610"),
    "AIFF": ("PCM_16", "PCM_S8", "FLOAT", "IMA_ADPCM"),
    "AU": ("PCM_16", "ULAW", "G723_24"),
    "CAF": ("PCM_16", "FLOAT", "ALAC_16"),
    "NIST": ("PCM_16", "ULAW"),
    "HTK": ("PCM_16",),
    "FLAC": ("PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}
CASES = [(container, subtype) for container, subtypes in FORMATS.items() for subtype in subtypes]
LITTLE_MEMORY = 3_000_000  # bytes


def encoded(container, subtype=None, *, wave=WAVE, rate=RATE, **options):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, subtype=subtype, format=container, **options) as recording:
        recording.write(wave)
    return file.getvalue()


def refusal(path, content, *, rate=RATE, **options):
    """Return the message with which a file is refused, which takes little memory and names the file."""
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(audio.AudioError) as error:
        audio.load(path, rate, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LITTLE_MEMORY
    assert str(error.value).startswith(str(path))
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    audio.load(written(tmp_path / "warm.flac", encoded("FLAC")), RATE)  # so that imports count as nobody's memory
    return tmp_path / "recording"


def written(path, content):
    path.write_bytes(content)
    return path


# -- cut short --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("container", "subtype"), CASES)
def test_a_whole_file_is_read_whole(path, container, subtype):
    wave = audio.load(written(path, encoded(container, subtype)), RATE)
    assert WAVE.size <= wave.size < WAVE.size + 500  # some codecs fill their last block
    if subtype.startswith(("PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ALAC")):
        np.testing.assert_allclose(wave, WAVE, atol=1e-4)


@pytest.mark.parametrize(("container", "subtype"), CASES)
def test_a_file_cut_short_is_refused_wherever_it_was_cut(path, container, subtype):
    content = encoded(container, subtype)
    ends = [*range(1, 120, 3), *np.linspace(120, len(content) - 60, 40, dtype=int), *range(len(content) - 12, -2, 1)]
    for end in {*ends, len(content) - 2, len(content) // 5 * 3}:  # the last byte of all may be padding
        message = refusal(path, content[: int(end)])
        assert any(word in message for word in ("truncated", "cannot be read as audio", "is empty"))


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "AU", "NIST"])
def test_the_message_says_how_much_is_missing(path, container):
    content = encoded(container, "PCM_16")
    message = refusal(path, content[:-4000])
    assert "truncated: its header promises 4000 bytes more than the file has" in message


def test_an_aiff_file_with_big_notes_before_its_samples_hides_no_truncation(path):
    content = encoded("AIFF", "PCM_16")
    note = b"ANNO" + struct.pack(">I", 3) + b"abc\0"  # chunks are padded to an even length
    noted = content[:12] + note + content[12:]
    assert audio.load(written(path, noted), RATE).size == WAVE.size
    assert "promises 10 bytes more" in refusal(path, noted[:-10])


def test_chunks_after_the_samples_do_not_matter(path):
    content = encoded("AIFF", "PCM_16") + b"ANNO" + struct.pack(">I", 400) + b"cut"
    assert audio.load(written(path, content), RATE).size == WAVE.size


def test_a_length_that_was_not_known_is_no_truncation(path):
    content = bytearray(encoded("AU", "PCM_16"))
    content[8:12] = b"\xff" * 4
    assert audio.load(written(path, content), RATE).size == WAVE.size


@pytest.mark.parametrize(("declared", "said"), [(2**63 - 1, f"promises {2**63 - 1 - 8} bytes more"), (2**64 - 1, "")])
def test_lengths_of_64_bits_are_known_up_to_half_of_all(declared, said):
    sizes = struct.pack("<4sI3QI", b"ds64", 28, 0, declared, 0, 0)
    content = b"RF64\xff\xff\xff\xffWAVE" + sizes + b"data\xff\xff\xff\xff" + bytes(8)
    assert said in (found := containers.shortfall(io.BytesIO(content), "rf64", 0, len(content)))
    assert bool(said) == bool(found)


@pytest.mark.parametrize(("container", "magic"), [("WAV", b"RIFX"), ("AU", b"dns.")])
def test_the_other_byte_order_hides_no_truncation(path, container, magic):
    content = encoded(container, "PCM_16", endian="BIG" if container == "WAV" else "LITTLE")
    assert content[:4] == magic
    np.testing.assert_allclose(audio.load(written(path, content), RATE), WAVE, atol=1e-4)
    assert "truncated: its header promises 4000 bytes more" in refusal(path, content[:-4000])


def test_an_ogg_file_with_part_of_its_last_page_is_refused(path):
    assert "its last page, of" in refusal(path, encoded("OGG", "VORBIS")[:-5])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_without_its_last_page_is_refused(path, subtype):
    content = encoded("OGG", subtype, wave=np.tile(WAVE, 20))
    last = content.rindex(b"OggS")
    message = refusal(path, content[:last])
    assert f"after byte {last} there is no further page, but its stream has not ended" in message


def test_what_follows_the_end_of_an_ogg_stream_does_not_matter(path):
    content = encoded("OGG", "VORBIS")
    assert audio.load(written(path, content + b"TAG" + bytes(125)), RATE).size == WAVE.size


def test_more_samples_than_a_file_has_room_for_are_not_read_however_many_are_allowed(path):
    content = bytearray(encoded("W64", "GSM610"))
    at = content.index(b"data") + 16  # after the chunk's name: its size, of which libsndfile reads some bits only
    content[at + 6 : at + 8] = b"\xb2\x9e"
    message = refusal(path, bytes(content), max_samples=1 << 60)
    assert "truncated or damaged: it declares 422889" in message


def with_last_granule(content, value):
    """Return an Ogg file whose last page says that so many samples end in it; the page's checksum is right."""
    start = content.rindex(b"OggS")
    page = bytearray(content[start:])
    page[6:14], page[22:26] = struct.pack("<q", value), bytes(4)
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x104C11DB7 if remainder >> 31 else 0)) & 0xFFFFFFFF
    page[22:26] = struct.pack("<I", remainder)
    return content[:start] + bytes(page)


@pytest.mark.parametrize("value", [2**63 - 1, 2**62 + 5])
def test_an_ogg_file_that_declares_more_samples_than_any_can_have_is_read_to_its_end(path, value):
    content = with_last_granule(encoded("OGG", "VORBIS", wave=np.tile(WAVE, 20)), value)
    assert audio.load(written(path, content), RATE).size >= 20 * WAVE.size


# -- lengths that are declared ----------------------------------------------------------------------------------------


def with_flac_length(n_samples):
    content = bytearray(encoded("FLAC", "PCM_16"))
    field = int.from_bytes(content[18:26], "big")
    content[18:26] = ((field >> 36 << 36) | n_samples).to_bytes(8, "big")
    return bytes(content)


def test_a_flac_file_that_declares_no_length_is_read_to_its_end(path):
    np.testing.assert_allclose(audio.load(written(path, with_flac_length(0)), RATE), WAVE, atol=1e-4)


def test_a_flac_file_that_declares_the_most_is_refused_before_it_is_read(path):
    message = refusal(path, with_flac_length(2**36 - 1))
    assert f"declares {2**36 - 1} samples at 8000 Hz; at 8000 Hz that is more than max_samples=100000000" in message


@pytest.mark.parametrize("n_samples", [2**36 - 1, 6001])
def test_a_length_beyond_the_end_of_a_flac_file_takes_no_memory(path, n_samples):
    message = refusal(path, with_flac_length(n_samples), max_samples=2**40)
    assert f"truncated: 6000 of {n_samples} samples can be decoded" in message


def test_a_flac_file_with_more_samples_than_it_declares_is_refused(path):
    assert "damaged: it declares 100 samples, but has 6000" in refusal(path, with_flac_length(100))


@pytest.mark.parametrize("wrong", [0xFFFFFFFF, 10**6])
def test_a_length_beyond_the_end_of_an_mp3_file_takes_no_memory(path, wrong):
    content = bytearray(encoded("MP3"))
    at = content.index(b"Info") if b"Info" in content else content.index(b"Xing")
    content[at + 8 : at + 12] = struct.pack(">I", wrong)  # frames
    message = refusal(path, content, max_samples=2**50)
    assert "truncated" in message or "declares" in message


def test_an_mp3_file_may_declare_two_frames_more_than_can_be_decoded(path):
    content = bytearray(encoded("MP3"))
    at = content.index(b"Info") if b"Info" in content else content.index(b"Xing")
    (n_frames,) = struct.unpack(">I", content[at + 8 : at + 12])
    content[at + 8 : at + 12] = struct.pack(">I", n_frames + 4)  # at this rate a frame has 576 samples, not 1152
    assert audio.load(written(path, content), RATE).size >= WAVE.size
    content[at + 8 : at + 12] = struct.pack(">I", n_frames + 5)
    assert "truncated" in refusal(path, content)


def test_the_length_in_the_header_of_another_encoder_is_known(path):
    """Fraunhofer's: "VBRI", 36 bytes into the first frame, and 10 further on the number of bytes."""
    content = bytearray(encoded("MP3"))
    content[4:100] = bytes(96)
    content[36:50] = b"VBRI" + bytes(6) + struct.pack(">I", len(content) + 7)
    assert "its header promises 7 bytes more than the file has" in refusal(path, content)


def test_an_mp3_file_that_does_not_state_its_length_is_read_to_its_end(path):
    """libsndfile takes the first frame's rate for all, and would end after less than half of this one."""
    quiet_first = np.concatenate([0.001 * WAVE, 0.001 * WAVE, *4 * [WAVE]])
    content = encoded("MP3", wave=quiet_first, rate=16000, bitrate_mode="VARIABLE", compression_level=0.5)
    without = content[content.index(content[:2], 10) :]
    assert soundfile.info(io.BytesIO(without)).frames < 0.8 * quiet_first.size
    wave = audio.load(written(path, without), 16000)
    assert quiet_first.size <= wave.size <= quiet_first.size + 2 * 1152
    tagged = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + without
    assert audio.load(written(path, tagged), 16000).size == wave.size
    assert audio.load(written(path, tagged[:266] + content), 16000).size == quiet_first.size
    assert "truncated" in refusal(path, tagged[:266] + content[:-100], rate=16000)


def test_a_flac_file_may_begin_with_a_tag(path):
    tagged = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + with_flac_length(6000)
    np.testing.assert_allclose(audio.load(written(path, tagged), RATE), WAVE, atol=1e-4)
    assert "truncated" in refusal(path, tagged[:-2000])
    assert "declares 100 samples, but has 6000" in refusal(path, tagged[:266] + with_flac_length(100))


def test_blocks_join_without_a_seam(path, monkeypatch):
    from rnnbp.audio import decoder

    for container in ("WAV", "FLAC", "OGG", "MP3"):
        written(path, encoded(container))
        whole = audio.load(path, RATE)
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "BLOCK", 97)
            np.testing.assert_array_equal(audio.load(path, RATE), whole)


# -- rates and lengths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_an_absurd_rate_is_refused(path, rate):
    message = refusal(path, encoded("WAV", "PCM_U8", wave=np.tile(WAVE, 7), rate=rate))
    assert f"declares a sample rate of {rate} Hz; expected 1000 to 768000 Hz" in message


@pytest.mark.parametrize("rate", [1000, 768_000])
def test_the_rates_at_the_ends_of_the_range_are_read(path, rate):
    wave = audio.load(written(path, encoded("WAV", rate=rate)), 8000)
    assert wave.size == np.ceil(WAVE.size * 8000 / rate)


def test_a_recording_that_would_become_too_long_is_refused_and_the_limit_can_be_raised(path):
    content = encoded("WAV", rate=1000)
    message = refusal(path, content, max_samples=47_999)
    assert "declares 6000 samples at 1000 Hz; at 8000 Hz that is more than max_samples=47999" in message
    assert audio.load(path, RATE, max_samples=48_000).size == 48_000
    assert "more than max_samples=5999" in refusal(path, encoded("WAV", rate=16000), max_samples=5999)


def test_a_file_that_does_not_say_how_long_it_is_is_left_at_the_limit(path):
    assert "has at least 6000 samples" in refusal(path, with_flac_length(0), max_samples=5999)
    assert audio.load(path, RATE, max_samples=6000).size == 6000


def test_a_recording_may_have_one_sample(path):
    assert audio.load(written(path, encoded("WAV", wave=WAVE[:1])), RATE, max_samples=1).size == 1


def test_many_channels_take_no_more_memory_than_one(path):
    soundfile.write(path, np.zeros((10, 1024)), RATE, format="WAV")
    tracemalloc.start()
    assert audio.load(path, RATE).size == 10
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LITTLE_MEMORY


@pytest.mark.parametrize(("limit", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_limit_that_is_no_positive_integer_is_refused(path, limit, error):
    with pytest.raises(error, match=f"max_samples must be a positive integer, but {limit} was given"):
        audio.load(path, RATE, max_samples=limit)


def test_too_little_memory_is_an_audio_error(path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    written(path, encoded("WAV", rate=16000))
    monkeypatch.setattr("soxr.resample", fail)
    with pytest.raises(audio.AudioError, match="recording needs more memory than is free"):
        audio.load(path, RATE)
    monkeypatch.setattr("rnnbp.audio.decoder.np.concatenate", fail)
    with pytest.raises(audio.AudioError, match="recording needs more memory than is free"):
        audio.load(path, RATE)


def test_features_of_a_file_are_refused_alike(path):
    written(path, encoded("W64", "PCM_16")[:-1000])
    with pytest.raises(audio.AudioError, match="recording is truncated"):
        audio.AudioFeatures(RATE).transform([path])


# -- what is no file --------------------------------------------------------------------------------------------------


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(audio.AudioError, match=r"pipe\.wav is a pipe, socket or device"):
        audio.load(tmp_path / "pipe.wav", RATE)


def test_a_device_is_refused():
    with pytest.raises(audio.AudioError, match="/dev/zero is a pipe, socket or device"):
        audio.load("/dev/zero", RATE)


def test_a_file_that_may_not_be_read_is_refused(path, monkeypatch):
    """As its owner is told; a test that runs as root may read all."""
    written(path, encoded("WAV"))

    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(audio.AudioError, match="recording cannot be read: Permission denied"):
        audio.load(path, RATE)


@pytest.mark.parametrize("name", ["a\0b.wav", "x" * 5000])
def test_a_name_that_can_be_none_is_refused(name):
    with pytest.raises(audio.AudioError, match="cannot be opened"):
        audio.load(name, RATE)


def test_a_path_below_a_file_is_missing(path):
    written(path, encoded("WAV"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        audio.load(path / "one.wav", RATE)


@pytest.mark.parametrize("given", [None, 3, 1.5])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(TypeError, match=f"path must be a str or path-like, but {given} was given"):
        audio.load(given, RATE)


@pytest.mark.parametrize("suffix", ["wav", "raw", "mp3", "vox", "sd2"])
def test_the_name_of_a_file_does_not_matter(tmp_path, suffix):
    written(tmp_path / f"one.{suffix}", encoded("FLAC"))
    assert audio.load(tmp_path / f"one.{suffix}", RATE).size == WAVE.size
    (tmp_path / f"two.{suffix}").write_text("not a recording\n" * 100)
    with pytest.raises(audio.AudioError, match="cannot be read as audio"):
        audio.load(tmp_path / f"two.{suffix}", RATE)


@pytest.mark.parametrize("container", ["IRCAM", "MAT5", "PAF", "PVF", "SVX", "VOC", "AVR"])
def test_formats_whose_length_cannot_be_checked_are_not_read(path, container):
    assert "expected wav (RIFF, RF64, Wave64), aiff" in refusal(path, encoded(container, "PCM_16"))


@pytest.mark.parametrize(
    "head", [b"RIFF", b"RF64", b"riff", b"FORM", b"caff", b".snd", b"NIST_1A\n", b"OggS", b"fLaC", b"ID3\4\0\0"]
)
@pytest.mark.parametrize("rest", [b"", b"\0" * 5000, b"\xff" * 5000, b"data" * 2000])
def test_nothing_but_a_mark_is_refused(path, head, rest):
    refusal(path, head + rest)


def test_an_endless_row_of_empty_chunks_ends(path):
    content = b"RIFF" + struct.pack("<I", 2**31) + b"WAVE" + b"JUNK\0\0\0\0" * 200_000
    refusal(path, content)


def test_infinite_samples_are_refused(path):
    wave = WAVE.astype(np.float64)
    wave[10], wave[11] = 1e300, -1e300
    stereo = io.BytesIO()
    soundfile.write(stereo, np.stack([wave, -wave], axis=1), RATE, format="WAV", subtype="DOUBLE")
    assert "NaN or infinity, first at sample 10" in refusal(path, stereo.getvalue())


def test_a_chunk_that_ends_beyond_all_files_is_refused(path):
    content = encoded("CAF", "PCM_16")
    refusal(path, content[:8] + b"free" + struct.pack(">q", 2**63 - 1) + content[8:])

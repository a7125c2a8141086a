"""What audio files say of their length, byte by byte: whole, one byte short, and where the length is not known."""

import io
import os
import struct

import pytest

from rnnbp.audio.containers import EndlessFile, flac_without_length, identify, mp3_length, shortfall

SAMPLES = 100  # bytes


def chunk(name, size, form="<4sI", content=None):
    return struct.pack(form, name, size) + bytes(size if content is None else content)


def riff(declared=SAMPLES, order="<", before=b""):
    form = order + "4sI"
    head = b"RIFX" if order == ">" else b"RIFF"
    return head + bytes(4) + b"WAVE" + chunk(b"fmt ", 16, form) + before + chunk(b"data", declared, form, SAMPLES)


def rf64(declared=0xFFFFFFFF, long=SAMPLES, ds64=28):
    sizes = struct.pack("<4sI", b"ds64", ds64) + struct.pack("<3QI", 0, long, 0, 0)[:ds64]
    return b"RF64" + bytes(4) + b"WAVE" + sizes + chunk(b"fmt ", 16) + chunk(b"data", declared, content=SAMPLES)


def wave64(declared=SAMPLES + 24, fmt=16):
    form = "<16sq"
    before = struct.pack(form, b"fmt " + bytes(12), fmt + 24) + bytes(fmt + -fmt % 8)
    return b"riff" + bytes(36) + before + struct.pack(form, b"data" + bytes(12), declared) + bytes(SAMPLES)


def aiff(declared=SAMPLES, kind=b"AIFF"):
    note = chunk(b"ANNO", 3, ">4sI", 4)  # padded to an even length
    return b"FORM" + bytes(4) + kind + note + chunk(b"SSND", declared, ">4sI", SAMPLES)


def caf(declared=SAMPLES):
    return b"caff" + bytes(4) + chunk(b"desc", 33, ">4sq") + chunk(b"data", declared, ">4sq", SAMPLES)


def au(declared=SAMPLES, order=">"):
    return (b".snd" if order == ">" else b"dns.") + struct.pack(order + "II", 28, declared) + bytes(16 + SAMPLES)


def nist(lines=("sample_count -i 25", "channel_count -i 2", "sample_n_bytes -i 2"), header=b"   1024"):
    text = b"\n".join([b"NIST_1A", header, *(line.encode() for line in lines), b"end_head\n"])
    return text + bytes(1024 - len(text) + SAMPLES)


def page(stream, *, continued=False, first=False, last=False, segments=(60, 40)):
    flags = continued + 2 * first + 4 * last
    number = bytes([1 + last]) + bytes(7)
    head = b"OggS\0" + bytes([flags]) + bytes(8) + struct.pack("<I", stream) + number + bytes([len(segments)])
    return head + bytes(segments) + bytes(sum(segments))


def xing(at=36, mark=b"Xing", flags=3, declared=SAMPLES + 16):
    return b"\xff\xfb\x90\0".ljust(at, b"\0") + mark + struct.pack(">III", flags, 7, declared) + bytes(SAMPLES - at)


def vbri(declared=SAMPLES):
    return b"\xff\xfb\x90\0".ljust(36, b"\0") + b"VBRI" + bytes(6) + struct.pack(">I", declared) + bytes(SAMPLES - 50)


WHOLE = {
    "RIFF": ("wav", riff()), "RIFF, an odd chunk": ("wav", riff(before=chunk(b"LIST", 5, content=6))),
    "RIFF, an empty chunk": ("wav", riff(before=chunk(b"LIST", 0))),
    "RIFX": ("wav", riff(order=">")), "RF64": ("rf64", rf64()), "RF64, short": ("rf64", rf64(SAMPLES, long=10**6)),
    "RF64, sizes of 16 bytes": ("rf64", rf64(ds64=16)),
    "Wave64": ("w64", wave64()), "Wave64, padded": ("w64", wave64(fmt=18)),
    "AIFF": ("aiff", aiff()), "AIFC": ("aiff", aiff(kind=b"AIFC")), "CAF": ("caf", caf()), "AU": ("au", au()),
    "AU, little": ("au", au(order="<")), "NIST": ("nist", nist()),
    "NIST, one channel": ("nist", nist(["sample_count -i 50", "sample_n_bytes -i 2"])),
    "NIST, mu-law": ("nist", nist(["sample_count -i 50", "channel_count -i 2"])),
    "MP3, Xing": ("mp3", xing()), "MP3, Info": ("mp3", xing(13, b"Info", flags=15)), "MP3, VBRI": ("mp3", vbri()),
}  # fmt: skip
each = pytest.mark.parametrize(("kind", "content"), WHOLE.values(), ids=WHOLE)


@each
def test_a_file_is_known_by_its_first_bytes(kind, content):
    assert identify(io.BytesIO(content)) == (kind, 0)


@each
def test_a_file_that_is_whole_lacks_nothing(kind, content):
    assert shortfall(io.BytesIO(content), kind, 0, len(content)) == ""
    more = b"data" + b"\1" * 60  # what follows the samples is not looked at
    assert shortfall(io.BytesIO(content + more), kind, 0, len(content) + 64) == ""


@each
@pytest.mark.parametrize("missing", [1, 40])
def test_what_is_missing_is_counted_to_the_byte(kind, content, missing):
    cut = content[:-missing]
    message = f"its header promises {missing} bytes more than the file has"
    assert shortfall(io.BytesIO(cut), kind, 0, len(cut)) == message


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("wav", riff(0x7FFFF000)), ("wav", riff(0xFFFFFFFF)), ("wav", riff()[:20]), ("rf64", rf64(long=1 << 63)),
        ("rf64", rf64(ds64=15)), ("w64", wave64(23)), ("w64", wave64(-1)), ("aiff", aiff(0x7FFFF000)), ("caf", caf(-1)),
        ("au", au(0x7FFFF000)), ("au", au(0xFFFFFFFF)), ("au", au()[:11]), ("nist", nist(["channel_count -i 2"])),
        ("nist", nist(header=b"many")), ("nist", b"NIST_1A"), ("mp3", xing(flags=1, declared=10**6)),
        ("mp3", xing(flags=2, declared=10**6)), ("mp3", vbri(0)), ("htk", bytes(20)),
    ],
)  # fmt: skip
def test_a_length_that_is_not_known_is_not_missed(kind, content):
    assert shortfall(io.BytesIO(content), kind, 0, len(content)) == ""


@pytest.mark.parametrize(
    ("kind", "content", "missing"),
    [
        ("wav", riff(0x7FFFEFFF), 0x7FFFEFFF - SAMPLES), ("aiff", aiff(0x7FFFEFFF), 0x7FFFEFFF - SAMPLES),
        ("au", au(0x7FFFEFFF), 0x7FFFEFFF - SAMPLES), ("rf64", rf64(long=(1 << 63) - 1), (1 << 63) - 1 - SAMPLES),
        ("caf", caf(2**62), 2**62 - SAMPLES), ("w64", wave64(2**62), 2**62 - 24 - SAMPLES),
    ],
)  # fmt: skip
def test_the_largest_length_that_can_be_meant_is_missed(kind, content, missing):
    message = f"its header promises {missing} bytes more than the file has"
    assert shortfall(io.BytesIO(content), kind, 0, len(content)) == message


# -- Ogg ---------------------------------------------------------------------------------------------------------------

FIRST, LAST = page(7, first=True), page(7, last=True)


@pytest.mark.parametrize(
    "content",
    [
        FIRST + LAST, FIRST + page(7) + LAST, page(7, last=True, segments=()), FIRST + LAST + b"TAG" + bytes(125),
        FIRST + page(8, first=True) + LAST + page(8, last=True),
        FIRST + LAST + page(8, first=True) + page(8, last=True),
    ],
)  # fmt: skip
def test_an_ogg_file_whose_streams_all_end_is_whole(content):
    assert identify(io.BytesIO(content)) == ("ogg", 0)
    assert shortfall(io.BytesIO(content), "ogg", 0, len(content)) == ""


@pytest.mark.parametrize("streams", [(7,), (7, 8), (8, 7)])
def test_an_ogg_file_one_of_whose_streams_does_not_end_is_not_whole(streams):
    content = b"".join(page(stream, first=True) + page(stream, continued=True) for stream in streams)
    content += page(8, last=True)
    message = f"after byte {len(content)} there is no further page, but its stream has not ended"
    assert shortfall(io.BytesIO(content), "ogg", 0, len(content)) == message


@pytest.mark.parametrize("missing", [1, 99, 101, 102])  # of its samples, and of its two segments
def test_a_page_that_is_not_there_whole_is_missed(missing):
    content = (FIRST + LAST)[:-missing]
    message = "its last page, of 2 segments, is not there whole"
    assert shortfall(io.BytesIO(content), "ogg", 0, len(content)) == message


# -- MP3 and tags ------------------------------------------------------------------------------------------------------


def tag(size):
    return b"ID3\4\0\0" + bytes(size >> 7 * k & 0x7F for k in (3, 2, 1, 0)) + bytes(size)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (tag(0), ("mp3", 10)), (tag(0)[:9], ("", 0)), (tag(300) + b"\xff\xfb\0\0", ("mp3", 310)),
        (tag(300) + b"fLaC\0", ("flac", 310)), (tag(5) + tag(200) + b"fLaC", ("flac", 225)),
        (tag(2**20 - 11) + tag(0) + b"fLaC", ("flac", 2**20 + 9)),  # after a megabyte no further tag is looked for
        (tag(2**20 - 10) + tag(0) + b"fLaC", ("mp3", 2**20)), (tag(2**21) + b"fLaC", ("flac", 2**21 + 10)),
        (b"\xff\xe0\0\0", ("mp3", 0)), (b"\xff\xff\0\0", ("mp3", 0)), (b"\xff\xdf\0\0", ("", 0)),
        (b"\xff\xe0\0", ("", 0)), (b"\xfe\xe0\0\0", ("", 0)), (bytes(8) + b"\0\2\0\0" + bytes(4), ("htk", 0)),
        (bytes(16), ("", 0)),
        (b"FORM" + bytes(4) + b"8SVX", ("", 0)), (b"fLaC", ("flac", 0)), (b"", ("", 0)),
    ],
    ids=lambda value: f"{value[:4]}, {len(value)}" if isinstance(value, bytes) else str(value),
)  # fmt: skip
def test_what_begins_with_tags_or_a_frame_is_known(content, found):
    assert identify(io.BytesIO(content)) == found


@pytest.mark.parametrize("at", [13, 21, 36, 40])
@pytest.mark.parametrize("start", [0, 310])
def test_the_length_in_an_mp3_s_first_frame_is_found_after_its_side_information(at, start):
    assert mp3_length(io.BytesIO(bytes(start) + xing(at)), start) == SAMPLES + 16
    assert mp3_length(io.BytesIO(bytes(start) + vbri()), start) == SAMPLES


@pytest.mark.parametrize("content", [b"\xff\xfbXing" + bytes(40), xing(41), xing()[: 36 + 15], vbri()[:49], bytes(100)])
def test_what_is_no_length_of_an_mp3_is_none(content):
    assert mp3_length(io.BytesIO(content), 0) is None


@pytest.mark.parametrize("content", [xing()[: 36 + 16], vbri()[:50]])
def test_a_header_that_just_fits_is_read(content):
    assert mp3_length(io.BytesIO(content), 0) > 0


def test_an_mp3_that_is_a_tag_alone_is_cut_short():
    assert shortfall(io.BytesIO(b""), "mp3", 311, 310) == "it begins with a tag of 311 bytes, but the file has 310"
    assert shortfall(io.BytesIO(bytes(310)), "mp3", 310, 310) == ""


# -- files without an end ----------------------------------------------------------------------------------------------


@pytest.fixture
def opened(tmp_path):
    content = bytes(range(1, 251)) * 4
    (tmp_path / "file").write_bytes(content)
    with open(tmp_path / "file", "rb") as file:
        yield file, content


@pytest.mark.parametrize("step", [1, 3, 7, 8, 25, 1000])
@pytest.mark.parametrize("at", [0, 18, 986, 988])
def test_bytes_are_replaced_wherever_reading_begins_and_ends(opened, step, at):
    file, content = opened
    seen = EndlessFile(file, 10, at=at, replaced=b"ABCD")
    expected = bytearray(content[10:])
    expected[at : at + 4] = b"ABCD"[: 990 - at]
    assert b"".join(iter(lambda: seen.read(step), b"")) == bytes(expected[:990])


def test_places_are_within_the_file(opened):
    seen = EndlessFile(opened[0], 10)
    assert [seen.seek(5), seen.seek(7, os.SEEK_CUR), seen.seek(-3, os.SEEK_CUR), seen.tell()] == [5, 12, 9, 9]
    assert [seen.seek(-4, os.SEEK_END), seen.seek(4, os.SEEK_END), seen.seek(-4)] == [986, 990, 0]
    assert seen.seekable()
    assert seen.readable()


def test_a_stretched_file_seems_longer_and_ends_without_a_tag(opened):
    file, content = opened
    seen = EndlessFile(file, 0, stretch=2)
    assert seen.seek(0, os.SEEK_END) == 2000
    for place, expected in ((990, content[990:]), (1500, b""), (1871, b""), (1872, bytes(20)), (1990, bytes(10))):
        seen.seek(place)
        assert seen.read(20) == expected
    plain = EndlessFile(file, 0)
    plain.seek(900)
    assert plain.read(20) == content[900:920]  # what is not stretched may have a tag


@pytest.mark.parametrize(("n_samples", "declared"), [(0, None), (1, 1), (2**36 - 1, 2**36 - 1)])
def test_a_flac_file_is_read_as_if_it_declared_no_length(tmp_path, n_samples, declared):
    field = (0xABCDEF1 << 36 | n_samples).to_bytes(8, "big")
    (tmp_path / "file").write_bytes(b"tag" + bytes(18) + field + b"more")
    with open(tmp_path / "file", "rb") as file:
        seen, found = flac_without_length(file, 3)
        assert found == declared
        assert seen.read() == bytes(18) + (0xABCDEF1 << 36).to_bytes(8, "big") + b"more"

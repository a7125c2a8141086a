"""One's own data: a folder of recordings, and a table of ragged sequences."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbp.datasets import find_recordings, read_sequences

# A folder ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    names = [
        "yes/ann_1.wav",
        "yes/bob_1.WAV",
        "no/ann/1.flac",
        "no/2.ogg",
        "no/notes.txt",
        "no/._2.ogg",
        ".trash/1.wav",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_the_subfolder_is_the_class_of_all_recordings_in_it(folder):
    files, classes = find_recordings(folder)
    assert [file.relative_to(folder).as_posix() for file in files] == [
        "no/2.ogg",
        "no/ann/1.flac",
        "yes/ann_1.wav",
        "yes/bob_1.WAV",
    ]
    assert classes.tolist() == ["no", "no", "yes", "yes"]


def test_a_hidden_folder_above_hides_nothing(tmp_path):
    (tmp_path / ".data" / "yes").mkdir(parents=True)
    (tmp_path / ".data" / "yes" / "1.wav").touch()
    assert len(find_recordings(tmp_path / ".data")[0]) == 1


def test_other_kinds_of_files_can_be_asked_for(folder):
    assert find_recordings(folder, suffixes=[".ogg", ".wav"])[1].tolist() == ["no", "yes", "yes"]


def test_what_is_no_folder_of_classes_is_an_error(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*gone"):
        find_recordings(tmp_path / "gone")
    with pytest.raises(NotADirectoryError, match=r"ann_1\.wav is a file: expected a folder"):
        find_recordings(folder / "yes" / "ann_1.wav")
    with pytest.raises(ValueError, match=r"ann_1\.wav is in no subfolder, so it has no class"):
        find_recordings(folder / "yes")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no recordings \(\.wav, \.flac, \.ogg\)"):
        find_recordings(folder)
    with pytest.raises(ValueError, match="has no subfolders"):
        find_recordings(folder / "empty")


# A table -------------------------------------------------------------------------------------------------------------

CSV = """\
who,hour,pulse,pressure,outcome,ward
ann,1,75,118,well,A
bob,0,90,140,ill,B
ann,0,71,120.5,well,A
ann,10,70,121,well,A
"""
PARTS = {"sequence": "who", "time": "hour", "label": "outcome", "group": "ward"}


@pytest.fixture
def write(tmp_path):
    def write_csv(text, encoding="utf-8"):
        (tmp_path / "table.csv").write_text(text, encoding=encoding)
        return tmp_path / "table.csv"

    return write_csv


def check_wards(table):
    assert [sequence.tolist() for sequence in table.X] == [[[71, 120.5], [75, 118], [70, 121]], [[90, 140]]]
    assert [sequence.dtype for sequence in table.X] == [np.float32, np.float32]
    assert table.y.tolist() == ["well", "ill"]
    assert table.ids.tolist() == ["ann", "bob"]
    assert table.groups.tolist() == ["A", "B"]
    assert table.feature_names == ["pulse", "pressure"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rows_are_gathered_by_sequence_and_sorted_by_time(write, delimiter, encoding):
    check_wards(read_sequences(write(CSV.replace(",", delimiter), encoding), **PARTS))


def test_a_data_frame_is_read_as_the_file_would_be():
    class DataFrame:
        columns = ("who", "hour", "pulse", "pressure", "outcome", "ward")

        def __getitem__(self, name):
            return columns[name]

    names, *rows = (line.split(",") for line in CSV.split())
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    columns |= {name: columns[name].astype(float) for name in ("hour", "pulse", "pressure")}
    columns |= {name: columns[name].astype(object) for name in ("who", "hour", "outcome")}
    check_wards(read_sequences(DataFrame(), **PARTS))
    check_wards(read_sequences(columns, **PARTS))


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"who": "category", "outcome": "category", "ward": "category"},
        {"hour": "datetime64[s]"},
        {"hour": "timedelta64[s]"},
        {"pulse": "Int64", "pressure": "Float64", "who": "string"},
        {"pulse": "float32", "hour": "float64"},
    ],
    ids=str,
)
def test_a_frame_of_pandas_is_read_whatever_the_types_of_its_columns(typed):
    frame = pd.read_csv(io.StringIO(CSV)).astype(typed)
    check_wards(read_sequences(frame, **PARTS))
    check_wards(read_sequences(frame.set_index(pd.Index([7, 5, 5, 0])), **PARTS))


@pytest.mark.parametrize("name", ["who", "hour", "outcome", "ward"])
@pytest.mark.parametrize("kind", [None, "Int64", "datetime64[s]", "string", "category"])
def test_an_empty_cell_of_a_frame_is_an_error_that_says_where(name, kind):
    frame = pd.read_csv(io.StringIO(CSV))
    column = frame[name] if kind is None else pd.Series([1, 2, 1, 3]).astype(kind)
    frame[name] = column.mask([False, True, False, False])
    with pytest.raises(ValueError, match=f"row 1: '{name}' is empty: fill it in, or leave the row out"):
        read_sequences(frame, **PARTS)


@pytest.mark.parametrize("kind", ["float64", "Float64", "object"])
def test_an_empty_feature_of_a_frame_is_an_error_that_says_where(kind):
    frame = pd.read_csv(io.StringIO(CSV)).astype({"pulse": kind})
    frame["pulse"] = frame["pulse"].mask([False, False, True, False])
    with pytest.raises(ValueError, match=r"row 2: 'pulse' is '.*', and not a \(finite\) number"):
        read_sequences(frame, **PARTS)


def test_two_columns_of_one_name_are_an_error():
    frame = pd.read_csv(io.StringIO(CSV)).rename(columns={"pressure": "pulse"})
    with pytest.raises(ValueError, match="the table has two columns named 'pulse'"):
        read_sequences(frame, **PARTS)


def test_only_the_sequence_column_is_needed(write):
    table = read_sequences(write("x,id\n3,b\n1,a\n2,b\n\n"), sequence="id")
    assert [sequence[:, 0].tolist() for sequence in table.X] == [[3, 2], [1]]
    assert (table.y, table.groups) == (None, None)


def test_features_can_be_chosen_and_ordered(write):
    table = read_sequences(write(CSV), sequence="who", features=["pressure", "hour"])
    assert table.X[1].tolist() == [[140, 0]]


def test_time_may_be_written_as_dates(write):
    text = "id,when,x\n1,2024-12-31 12:00,2\n1,2024-02-01 12:00,1\n"
    assert read_sequences(write(text), sequence="id", time="when").X[0].tolist() == [[1], [2]]


def test_numbers_may_have_decimal_commas_where_these_separate_nothing(write):
    table = read_sequences(
        write("id;x;name\na;70,5;1,2,3\na;-1e3;b\n"), sequence="id", label="name", label_per_step=True
    )
    assert table.X[0].tolist() == [[70.5], [-1000.0]]
    assert table.y[0].tolist() == ["1,2,3", "b"]
    for text, message in (
        ('id,x\na,"70,5"\n', "line 2 .* 'x' is '70,5'"),
        ("id;x\na;70,5\na;\n", "line 3 .* 'x' is ''"),
    ):
        with pytest.raises(ValueError, match=message):
            read_sequences(write(text), sequence="id")


@pytest.mark.parametrize(("labels", "dtype"), [(("1", "0"), np.int64), (("0.5", "1"), np.float64)])
def test_labels_that_are_numbers_become_numbers(write, labels, dtype):
    y = read_sequences(write("id,x,y\na,1,{}\nb,1,{}\n".format(*labels)), sequence="id", label="y").y
    assert y.dtype == dtype
    assert y.tolist() == [float(label) for label in labels]


@pytest.mark.parametrize(
    "labels",
    [
        ("007", "7"),
        ("nan", "1.5"),
        ("inf", "1"),
        ("1e999", "1"),
        ("1_000", "2"),
        ("+1", "2"),
        ("1", "99999999999999999999"),
    ],
)
@pytest.mark.parametrize("part", ["label", "group"])
def test_text_that_would_not_come_back_from_a_number_is_a_name(write, labels, part):
    table = read_sequences(write("id,x,y\na,1,{0}\na,2,{0}\nb,1,{1}\n".format(*labels)), sequence="id", **{part: "y"})
    assert (table.y if part == "label" else table.groups).tolist() == list(labels)


def test_times_are_sorted_as_numbers_however_they_are_written(write):
    text = "id,x,when\na,1,10\na,2,09\na,3,+8.5\n"
    assert read_sequences(write(text), sequence="id", time="when").X[0].tolist() == [[3], [2], [1]]


def test_labels_of_steps_are_a_list(write):
    text = "id,t,x,y\na,1,1,off\nb,0,2,on\na,0,3,on\n"
    table = read_sequences(write(text), sequence="id", time="t", label="y", label_per_step=True)
    assert [labels.tolist() for labels in table.y] == [["on", "off"], ["on"]]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            CSV,
            {"sequence": "patient"},
            "there is no column 'patient' for sequence: the columns are 'who', 'hour', 'pul",
        ),
        (CSV, {"sequence": "who", "features": ["weight"]}, "there is no column 'weight': the columns are"),
        (CSV, {"sequence": "who", "label": "pulse"}, r"line 4 of .*table\.csv: 'pulse' changes within sequence ann"),
        (CSV, {"sequence": "who", "label": "pulse"}, "with label_per_step=True"),
        (CSV.replace("ann,10", "ann,1"), PARTS, r"line 5 of .*: sequence ann has time 1 twice"),
        (CSV.replace("140", "high"), PARTS, r"line 3 of .*: 'pressure' is 'high', and not a \(finite\) number"),
        (CSV.replace("140", ""), PARTS, "line 3 of .*: 'pressure' is ''"),
        (CSV.replace("bob", ""), PARTS, r"line 3 of .*table\.csv: 'who' is empty: fill it in, or leave the row out"),
        (CSV.replace("ill", " "), PARTS, "line 3 of .*: 'outcome' is empty"),
        (CSV.replace("140", "1e99"), PARTS, "line 3 of .*: 'pressure' is '1e99'"),
        (
            CSV.replace("\nbob,0,90,140,ill", "\n\nbob,0,90,140,140,ill"),
            PARTS,
            "line 4 of .* has 7 fields for 6 columns",
        ),
        (CSV.replace("pressure", "pulse"), PARTS, "has two columns named 'pulse'"),
        ("", PARTS, r"table\.csv is empty"),
        ('who,x\n"' + "x" * 200_000, {"sequence": "who"}, r"table\.csv cannot be read as a table: field larger"),
        (CSV, PARTS | {"features": ["pulse", "pulse"]}, "features must be different columns, but 'pulse' is named"),
        (CSV, PARTS | {"features": ["pulse", "pressure"] * 2}, "features must be different columns, but 'pulse' is"),
        (CSV, PARTS | {"features": ["pulse", "outcome"]}, "the label 'outcome' must not be one of the features"),
        (
            CSV.replace("ann,10", "ann,ten"),
            PARTS,
            r"line 5 of .*: 'hour' is 'ten', but times must all be numbers, or all dates",
        ),
        ("who,x\n", {"sequence": "who"}, "there are no rows"),
        ("who\nann\n", {"sequence": "who"}, "there are no features"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error_that_says_where(write, text, options, message):
    with pytest.raises(ValueError, match=message):
        read_sequences(write(text), **options)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "latin.csv").write_bytes("who,x\nJos\xe9,1".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.csv must be text in UTF-8, but "):
        read_sequences(tmp_path / "latin.csv", sequence="who")


def test_a_file_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        read_sequences(Path("gone.csv"), sequence="id")


def test_a_table_is_shown_in_one_line(write):
    table = read_sequences(write(CSV, "utf-8"), **PARTS)
    assert repr(table) == "<SequenceTable: 2 sequences of 1 to 3 steps, 2 features, a label for each, 2 groups>"
    alone = read_sequences({"a": [1.0], "b": [2.0]})
    assert repr(alone) == "<SequenceTable: 1 sequence of 1 step, 2 features>"
    steps = {"who": ["ann", "ann"], "x": [1.0, 2.0], "y": ["on", "off"], "ward": ["A", "A"]}
    tagged = read_sequences(steps, sequence="who", label="y", label_per_step=True, group="ward")
    assert repr(tagged) == "<SequenceTable: 1 sequence of 2 steps, 1 feature, a label for each step, 1 group>"

"""Reading tables: what is accepted, and that every refusal names the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bibun.cli.errors import UserError
from bibun.cli.table import read_table


@pytest.fixture
def table(tmp_path):
    def make(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path)

    return make


@pytest.mark.parametrize(
    "text",
    [
        "t,v\n1.5,2\n2.5,3\n",
        "t;v\n1.5;2\n2.5;3\n",
        "t;v\n1,5;2\n2,5;3\n",
        "t\tv\n1.5\t2\n2.5\t3\n",
        "t  v\n1.5   2\n 2.5 3\n",
        ",t,v\n0,1.5,2\n1,2.5,3\n",
        "# from a file\n\nt, v\n1.5, 2\n# in between\n2.5, 3\n",
        '"t","v"\r\n"1.5","2"\r\n2.5,3\r\n',
        "\ufefft,v\n15e-1,2\n2.5,3",
    ],
)
def test_separators_comments_and_index_columns(table, text):
    data = table(text)
    assert data.columns == ["t", "v"]
    np.testing.assert_array_equal(data.numbers("t"), [1.5, 2.5])
    v = data.numbers("v")
    np.testing.assert_array_equal(v, [2, 3])
    assert v.dtype == np.int64


def test_kinds_of_columns(table):
    data = table("n,x,b,s\n1,1,true,red\n-2,2.5,False,blue\n")
    assert data.numbers("n").dtype == np.int64
    assert data.numbers("x").dtype == np.float64
    assert data.numbers("b").tolist() == [True, False]


def test_one_column_without_separator(table):
    np.testing.assert_array_equal(table("v\n1\n2\n").numbers("v"), [1, 2])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_floats_come_back_exactly(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("t") / "x.csv"
    path.write_text("a,x\n" + "".join(f"q,{v!r}\n" for v in values))
    assert read_table(path).numbers("x").tolist() == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.csv: the file is empty"),
        ("\n# only a comment\n", "the file is empty"),
        ("t,v\n", "a header row and no data"),
        ("1,2\n3,4\n", "line 1: the first row must name the columns, but it holds numbers (1, 2)"),
        ("t,v\n1,2\n3\n", "line 3: 1 values, but the header names 2 columns (t, v)"),
        ("t,t\n1,2\n", "two columns are named 't'"),
        (b"\xff\xfe\x00t", "is no text file in UTF-8"),
    ],
)
def test_files_that_are_no_tables(table, text, message):
    with pytest.raises(UserError) as error:
        table(text)
    assert message in str(error.value)
    assert "data.csv" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,v\n# c\n1,2\n2,abc\n", "line 4 (row 2), column 'v': expected a number, found 'abc'"),
        ("t,v\n1,1_000.5\n", "line 2 (row 1), column 'v': expected a number, found '1_000.5'"),
        ("t,v\n1,2\n2,\n3,NaN\n", "line 3 (row 2), column 'v': the value is missing ('')"),
        ("t,v\n1,2\n2,nan\n", "the value is missing ('nan')"),
        ("t,v\n1,inf\n", "line 2 (row 1), column 'v': 'inf' is not finite"),
        ("t,v\n1,1e999\n", "'1e999' is not finite"),
    ],
)
def test_cells_that_are_no_numbers(table, text, message):
    data = table(text)
    with pytest.raises(UserError) as error:
        data.numbers("v")
    assert message in str(error.value)
    assert data.numbers("t").size  # the other column is as good as before


def test_names_that_python_cannot_have(table):
    data = table("time (d),RV [m/s]\n1,2\n")
    assert data.find("RV_m_s") == "RV [m/s]"
    assert data.find("time_d") == "time (d)"
    assert data.find("vel") is None


def test_rows_without_values_can_be_left_out(table):
    data = table("t,v\n1,2\n,3\n4,NA\n5,6\n")
    rest = data.without({*data.missing("t"), *data.missing("v")})
    assert rest.numbers("t").tolist() == [1, 5]
    assert rest.lines == [2, 5]


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="there is no such data file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="is a directory"):
        read_table(tmp_path)

"""Columns hold what they were given, whatever it is, in few bytes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnos.columns import Column

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-130, 130),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)
OF_ONE_KIND = st.sampled_from(
    [st.booleans(), st.integers(-130, 130), st.integers(-(2**64), 2**64), st.floats(allow_nan=False)]
).flatmap(lambda values: st.lists(st.none() | values))


@given(st.lists(VALUES) | OF_ONE_KIND, st.integers(0, 3))
def test_a_column_gives_back_its_values_and_their_types(values: list[Any], missing: int) -> None:
    column = Column(values, missing)
    wanted = [None] * missing + values
    assert list(column) == wanted
    assert [type(value) for value in column] == [type(value) for value in wanted]
    assert [column[i] for i in range(len(column))] == wanted
    assert [type(column[i]) for i in range(len(column))] == [type(value) for value in wanted]
    assert column[1:] == wanted[1:]
    assert column == wanted and wanted == column and column == Column(wanted)
    assert pickle.loads(pickle.dumps(column)) == wanted


@given(st.lists(VALUES) | OF_ONE_KIND, st.integers(0, 20), VALUES)
def test_a_column_cut_short_goes_on_from_there(values: list[Any], length: int, then: Any) -> None:
    column = Column(values)
    column.cut(length)
    column.append(then)
    assert list(column) == [*values[:length], then]


@pytest.mark.parametrize(
    ("values", "nbytes"),
    [
        ([True, False], 2),
        ([0, 1, -128, 127], 4),
        ([0, 1, 128], 24),
        ([0.5, 1.5], 16),
        ([True, None], 4),
        ([None, None, 2.0], 27),
        (["X", "Y"], 16),
    ],
)
def test_values_take_the_bytes_that_were_promised(values: list[Any], nbytes: int) -> None:
    assert Column(values).nbytes == nbytes


def test_equal_texts_share_one_object() -> None:
    column = Column("".join(["ba", "sis"]) for _ in range(3))
    assert column[0] is column[2]


def test_columns_differ_by_value_and_length_and_are_shown_like_lists() -> None:
    assert Column([1, 2]) != [1, 3]
    assert Column([1, 2]) != [1]
    assert Column([1, 2]) != (1, 2)
    assert repr(Column([1, None, "a"])) == "[1, None, 'a']"
    assert repr(Column(range(100))) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 98, 99; 100 values]"


def test_an_index_beyond_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        Column([1])[1]
    assert Column([1, None])[-1] is None


def test_sums_of_columns_are_lists() -> None:
    assert Column([1, None]) + Column([2]) == [1, None, 2]
    assert [0].__add__([1]) == [0] + Column([1])  # noqa: RUF005

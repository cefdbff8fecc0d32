"""Types and values in words, as messages and reference pages show them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from qnos import fields
from qnos.cli_options import inputs_of
from qnos.documents import scalar, scalars


class Inner(msgspec.Struct):
    x: int = 3


class Sample(msgspec.Struct, kw_only=True):
    needed: Annotated[int, Meta(description="must be said")]
    low: Annotated[int, Meta(ge=10_000)] = 20_000
    high: Annotated[float, Meta(le=0.5)] = math.inf
    between: Annotated[float, Meta(gt=0, lt=1)] = 1e10
    flag: bool = True
    choice: Literal["a", "b"] = "a"
    word: Annotated[str, Meta(max_length=3)] = "x"
    maybe: int | None = None
    items: list[Inner] = []
    pair: tuple[int, int] = (1, 2)
    many: tuple[str, ...] = ()
    some: Annotated[list[str], Meta(min_length=1)]
    two: Annotated[list[str], Meta(min_length=2, max_length=2)]
    few: Annotated[list[str], Meta(min_length=1, max_length=3)]
    inner: Inner = msgspec.field(default_factory=Inner)
    table: dict[str, int] = {}
    settings: dict[str, Any] = {}
    whatever: Any = None


@pytest.mark.parametrize(
    ("name", "allowed", "default"),
    [
        ("needed", "an integer", "required"),
        ("low", "an integer of at least 10_000", "20_000"),
        ("high", "a number of at most 0.5", ".inf"),
        ("between", "a number above 0 and below 1", "1e+10"),
        ("flag", "true or false", "true"),
        ("choice", "one of a, b", "a"),
        ("word", "text of at most 3 characters", "x"),
        ("maybe", "an integer or null", "null"),
        ("items", "a list, each a mapping of x", "none"),
        ("pair", "a list of 2, each an integer", "[1, 2]"),
        ("many", "a list, each text", "[]"),
        ("some", "a list of at least 1, each text", "required"),
        ("two", "a list of 2, each text", "required"),
        ("few", "a list of 1 to 3, each text", "required"),
        ("inner", "a mapping of x", "its defaults"),
        ("table", "a mapping, each value an integer", "none"),
        ("settings", "a mapping", "none"),
        ("whatever", "anything", "null"),
    ],
)
def test_every_kind_of_field_is_put_into_words(name: str, allowed: str, default: str) -> None:
    row = next(row for row in fields.rows(Sample) if row.name == name)
    assert (row.allowed, row.default) == (allowed, default)


def test_description_is_that_of_the_schema() -> None:
    assert fields.rows(Sample)[0].description == "must be said"


def test_only_struct_types_have_rows() -> None:
    with pytest.raises(TypeError, match=r"is no msgspec\.Struct type"):
        fields.rows(int)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(("items", 4, "x"), "an integer"), (("pair", 1), "an integer"), (("inner",), "a mapping of x")],
)
def test_paths_lead_into_lists_and_structs(path: tuple[str | int, ...], allowed: str) -> None:
    row = fields.find(Sample, path)
    assert row is not None
    assert row.allowed == allowed


@pytest.mark.parametrize("path", [("none",), ("pair", 2), ("needed", 0), (0,), ("items", "x")])
def test_paths_to_nowhere_find_nothing(path: tuple[str | int, ...]) -> None:
    assert fields.find(Sample, path) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2E5", -200000.0),
        ("10_000", 10_000),
        ("0.5", 0.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("[1", "[1"),
        ("nan", "nan"),
        ("e5", "e5"),
        ("a: b", {"a": "b"}),
    ],
)
def test_typed_values_are_what_a_person_means(text: str, value: Any) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_lists_that_are_no_yaml_are_split_at_commas() -> None:
    assert scalars("a]b,1e3") == ["a]b", 1000.0]


def test_inputs_may_hold_equal_signs_and_dots() -> None:
    assert inputs_of(["alice.text=a=b", "alice.x.y=1"]) == {"alice": {"text": "a=b", "x.y": 1}}

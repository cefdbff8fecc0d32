"""`normalise`: what passes is a copy that fits into a message, what does not is refused with its place."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qruntime.errors import ProgramError
from qruntime.limits import MESSAGE_BYTES, VALUE_BYTES, VALUE_DEPTH
from qruntime.messages import ClassicalMessage
from qruntime.values import normalise
from qruntime.wire import decode, encode
from tests.unit.qruntime.program_values import shape, values


class Basis(StrEnum):
    X = "x"

    def __str__(self) -> str:
        return "not the value"


class Colour(IntEnum):
    RED = 3


class Packed(bytes):
    def __bytes__(self) -> bytes:
        return b"not the value"


class Seconds(float):
    def __float__(self) -> float:
        return -1.0


class Late:
    """An int that is known later, as futures are."""

    def __init__(self, value: int | None) -> None:
        self.value = value

    def __index__(self) -> int:
        if self.value is None:
            raise ProgramError("no value yet")
        return self.value


Point = namedtuple("Point", "x y")


def send(value: Any) -> Any:
    """`value` at the other end of a classical socket between two processes."""
    message = decode(encode(ClassicalMessage(2**64 - 1, "alice", "bob", value)))
    assert isinstance(message, ClassicalMessage)
    return message.value


def nested(levels: int, wrap: Callable[[Any], Any], inner: Any) -> Any:
    for _ in range(levels):
        inner = wrap(inner)
    return inner


# ----------------------------------------------------------------------------------------- what passes


@given(values)
def test_plain_value_passes_unchanged_and_arrives_as_it_was_sent(value: Any) -> None:
    assert shape(normalise(value)) == shape(value)
    assert shape(send(normalise(value))) == shape(value)


@given(values)
def test_normalising_twice_changes_nothing_more(value: Any) -> None:
    once = normalise(value)
    assert shape(normalise(once)) == shape(once)


@given(values)
def test_copy_shares_no_container_with_the_original(value: Any) -> None:
    def containers(part: Any) -> list[Any]:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, (list, tuple)) else ()
        own = [part] if isinstance(part, (dict, list)) else []
        return own + [found for item in inner for found in containers(item)]

    theirs = {id(part) for part in containers(value)}
    assert all(id(part) not in theirs for part in containers(normalise(value)))


def test_change_of_the_original_later_changes_nothing() -> None:
    original: dict[str | int, Any] = {"bits": [0, 1], "nested": ({"k": [1]},), 3: "x"}
    expected = copy.deepcopy(original)
    taken = normalise(original)
    original["bits"].append(7)
    original["nested"][0]["k"].clear()
    original["new"] = 1
    assert taken == expected


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.True_, True),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(0.1), 0.1),
        (np.str_("åb"), "åb"),
        (np.bytes_(b"ab"), b"ab"),
        (np.array(5), 5),
        (np.array(False), False),
        (np.array(2.5), 2.5),
        (Colour.RED, 3),
        (Basis.X, "x"),
        (Packed(b"xy"), b"xy"),
        (Seconds(2.5), 2.5),
        (Late(4), 4),
        (OrderedDict(a=np.int64(1)), {"a": 1}),
    ],
)
def test_value_with_an_exact_plain_counterpart_becomes_it(value: Any, plain: Any) -> None:
    assert shape(normalise(value)) == shape(plain)
    assert shape(normalise([(value,)])) == shape([(plain,)])


def test_special_floats_pass() -> None:
    assert normalise([math.inf, -math.inf]) == [math.inf, -math.inf]
    assert math.isnan(normalise(math.nan))
    assert math.copysign(1.0, normalise([-0.0])[0]) == -1.0


@pytest.mark.parametrize("number", [-(2**63), 2**64 - 1])
def test_integer_at_the_end_of_the_range_passes_and_one_beyond_does_not(number: int) -> None:
    beyond = number + (1 if number > 0 else -1)
    assert normalise(number) == send(normalise([number]))[0] == number
    for value, place in ((beyond, "value"), ([beyond], r"value\[0\]"), ({beyond: 1}, "a key of value")):
        with pytest.raises(ProgramError, match=f"^{place} is an integer of 6[45] bits; 64 are allowed$"):
            normalise(value)


# ------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "builtins.object"),
        ({1, 2}, "builtins.set"),
        (bytearray(b"x"), "builtins.bytearray"),
        (1j, "builtins.complex"),
        (range(3), "builtins.range"),
        (len, "builtins.builtin_function_or_method"),
        (datetime(2000, 1, 1), "datetime.datetime"),
        (Decimal("0.5"), "decimal.Decimal"),
        (Fraction(1, 2), "fractions.Fraction"),
        (Point(1, 2), "Point"),
        (np.array([1]), "numpy.ndarray"),
        (np.zeros((1, 1)), "numpy.ndarray"),
        (np.array("1", dtype=object), "numpy.ndarray"),
        (np.array(2, dtype="datetime64[s]"), "numpy.ndarray"),
        (np.complex128(1), "numpy.complex128"),
        (np.longdouble(1), "numpy.longdouble"),
        (np.datetime64(1, "ns"), "numpy.datetime64"),
        (np.void(b"ab"), "numpy.void"),
        (np.ma.masked, "numpy.ma"),
        (np.random.default_rng(1), "numpy.random"),
    ],
)
def test_value_of_another_type_is_refused_by_name_with_what_is_allowed(value: Any, name: str) -> None:
    allowed = "which cannot travel; allowed are None, bool, int, float, str, bytes, list, tuple and dict$"
    with pytest.raises(ProgramError, match=rf"^the result has type \S*{name}\S*, {allowed}"):
        normalise(value, "the result")
    with pytest.raises(ProgramError, match=rf"^the result\['k'\]\[1\]\[0\] has type \S*{name}\S*, {allowed}"):
        normalise({"a": [], "k": (None, [value])}, "the result")


@pytest.mark.parametrize("key", [True, 1.5, None, b"k", (1,), Colour.RED, np.int64(1), np.str_("k")])
def test_key_of_another_type_is_refused_with_its_place(key: Any) -> None:
    name = type(key).__qualname__
    with pytest.raises(
        ProgramError, match=rf"^value\[2\] has a key of type {name}; allowed are str and int$"
    ):
        normalise([0, 1, {key: 1}])


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("ab\ud800", "value"),
        (["ab\ud800"], r"value\[0\]"),
        ({"ab\ud800": 1}, "a key of value"),
        ([{"ab\ud800": 1}], r"a key of value\[0\]"),
        ({"ab\ud800x": 1}, "a key of value"),
    ],
)
def test_string_that_is_no_unicode_text_is_refused(value: Any, place: str) -> None:
    with pytest.raises(ProgramError, match=rf"^{place} is a string with the lone surrogate '.ud800' at 2"):
        normalise(value)


def test_future_without_a_value_raises_its_own_error() -> None:
    with pytest.raises(ProgramError, match=r"^no value yet$"):
        normalise([Late(None)])


def test_integer_behind_an_index_method_is_checked_too() -> None:
    with pytest.raises(ProgramError, match=r"^value\[0\] is an integer of 71 bits"):
        normalise([Late(2**70)])


# ---------------------------------------------------------------------------------------- depth, size


WRAPS: list[Callable[[Any], Any]] = [lambda x: [x], lambda x: (x,), lambda x: {"k": x}, lambda x: {7: x}]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("innermost", [[], (), {}])
def test_containers_nest_to_the_limit_and_no_deeper(wrap: Callable[[Any], Any], innermost: Any) -> None:
    deepest = nested(VALUE_DEPTH - 1, wrap, innermost)
    assert shape(send(normalise(deepest))) == shape(deepest)
    with pytest.raises(ProgramError, match=rf"is nested deeper than {VALUE_DEPTH} levels$"):
        normalise(wrap(deepest))


def test_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    with pytest.raises(ProgramError, match=rf"^value(\[1\]){{{VALUE_DEPTH}}} is nested deeper than"):
        normalise(endless)


def test_list_shared_many_times_is_refused_before_it_fills_the_memory() -> None:
    bomb: list[Any] = [0]
    for _ in range(20):
        bomb = [bomb] * 100
    with pytest.raises(ProgramError, match=f"^value takes more than the {VALUE_BYTES} bytes"):
        normalise(bomb)


@pytest.mark.parametrize(
    "value",
    [
        "a" * VALUE_BYTES,
        "å" * (VALUE_BYTES // 2),
        b"a" * VALUE_BYTES,
        ["a" * 1000] * (VALUE_BYTES // 1000),
        [None] * VALUE_BYTES,
        {"a" * VALUE_BYTES: 1},
        {"k": b"a" * VALUE_BYTES},
        Basis.X * VALUE_BYTES,
    ],
)
def test_value_that_is_too_long_is_refused(value: Any) -> None:
    with pytest.raises(ProgramError, match=f"^input seed takes more than the {VALUE_BYTES} bytes that are"):
        normalise(value, "input seed")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda items: "a" * items,
        lambda items: "å" * items,
        lambda items: b"a" * items,
        lambda items: [1] * items,
        lambda items: (2**64 - 1,) * items,
        lambda items: [((),)] * items,
        lambda items: [(1.0, "x")] * items,
        lambda items: dict.fromkeys(range(2**63, 2**63 + items), 0.5),
        lambda items: {"k": [{"": ()}] * items},
    ],
)
def test_longest_value_that_passes_fits_into_a_message(wrap: Callable[[int], Any]) -> None:
    def passes(items: int) -> bool:
        try:
            normalise(wrap(items))
        except ProgramError:
            return False
        return True

    low, high = 1, 2 * VALUE_BYTES
    while high - low > max(1, low // 50):  # to 2 %: the walk is what takes the time
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    assert low > VALUE_BYTES // 100
    data = encode(ClassicalMessage(0, "alice", "bob", normalise(wrap(low))))
    assert len(data) <= MESSAGE_BYTES


@given(st.lists(values, max_size=5))
def test_size_that_is_counted_is_never_below_the_size_on_the_wire(items: list[Any]) -> None:
    around = len(encode(ClassicalMessage(0, "", "", None))) - 1
    wire_bytes = len(encode(ClassicalMessage(0, "", "", normalise(items)))) - around
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qruntime.values.VALUE_BYTES", wire_bytes - 1)
        with pytest.raises(ProgramError, match=f"takes more than the {wire_bytes - 1} bytes"):
            normalise(items)

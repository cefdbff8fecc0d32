"""Checks of what a program passes to the SDK: each returns the value or raises a `ProgramError` that says
what, found and allowed."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Final

from qruntime.errors import ProgramError

INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1


def integer(value: Any, name: str, low: int, high: int) -> int:
    """`value` as an int within low..high; bool and float are refused."""
    if value.__class__ is not int:
        if isinstance(value, (bool, float)):
            raise ProgramError(f"{name} is {value!r}; an int of {low}..{high} is needed")
        try:
            value = operator.index(value)
        except TypeError:
            raise ProgramError(f"{name} is {value!r}; an int of {low}..{high} is needed") from None
    if not low <= value <= high:
        raise ProgramError(f"{name} is {value}; allowed {low}..{high}")
    return int(value)


def duration(value: Any, name: str) -> int:
    """A time span in ns, not negative; a float is rounded to the nearest ns."""
    if isinstance(value, float) and value == value and abs(value) < 2**63:
        value = round(value)
    return integer(value, name, 0, 2**63 - 1)


def with_article(word: str) -> str:
    """ "an int", "a list"."""
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def choice(value: Any, name: str, allowed: Iterable[str]) -> str:
    """`value` if it is one of the allowed words."""
    words = tuple(allowed)
    if value not in words:
        raise ProgramError(f"{name} is {value!r}; allowed {', '.join(words)}")
    return str(value)


def triple(value: Any, name: str) -> tuple[int, int, int]:
    """Three numerators of n*pi/16, each 0..31."""
    try:
        n1, n2, n3 = value
    except (TypeError, ValueError):
        raise ProgramError(
            f"{name} is {value!r}; three ints of 0..31 (sixteenths of pi) are needed"
        ) from None
    return (
        integer(n1, f"{name}[0]", 0, 31),
        integer(n2, f"{name}[1]", 0, 31),
        integer(n3, f"{name}[2]", 0, 31),
    )

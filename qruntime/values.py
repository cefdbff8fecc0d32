"""`normalise`: the one door through which program values pass, in both runners.

What a program sends, gets as input or returns is copied and type checked here, so that a value means the
same whether it crossed a process boundary or not: what passes fits into one message and comes out of it
equal.
"""

from __future__ import annotations

from contextlib import suppress
from operator import index
from typing import Any

from qruntime.errors import ProgramError
from qruntime.limits import VALUE_BYTES, VALUE_DEPTH

_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_NUMBER_BYTES = 9  # the most that a number or None takes on the wire
_TEXT_BYTES = 5  # ... the header of a string
_CONTAINER_BYTES = 11  # ... the header of a list or dict, and of the extension that marks a tuple
_EXACT_KINDS = "biufSU"  # numpy kinds whose items are plain values: bool, integers, floats, bytes, str


def normalise(value: Any, where: str = "value") -> Any:
    """A copy of `value` made of None, bool, int, float, str, bytes, list, tuple and dict with str or int
    keys.

    What has an exact plain counterpart becomes it: numpy scalars, integers by `__index__` (enumerations,
    futures), subclasses of float, str, bytes and dict. Integers have 64 bits (-2**63 to 2**64 - 1), strings
    are valid Unicode, containers nest up to `VALUE_DEPTH` levels, and the whole takes up to `VALUE_BYTES`
    bytes as a message. Anything else raises `ProgramError` that names the place inside the value.
    """
    cls = value.__class__
    if cls is int and _INT_MIN <= value <= _INT_MAX:
        return value
    if cls is float or cls is bool or value is None:
        return value
    return _Copier(where).copy(value)


class _Copier:
    """One walk through a value: the way to where it is, and the bytes still free."""

    __slots__ = ("path", "room", "where")

    def __init__(self, where: str) -> None:
        self.where = where
        self.path: list[Any] = []
        self.room = VALUE_BYTES

    def copy(self, value: Any) -> Any:
        cls = value.__class__
        if cls is int:
            return self.integer(value)
        if cls is float or cls is bool or value is None:
            self.take(_NUMBER_BYTES)
            return value
        if cls is str:
            return self.text(value)
        if cls is bytes:
            self.take(_TEXT_BYTES + len(value))
            return value
        if cls is list:
            return self.items(value)
        if cls is tuple:
            return tuple(self.items(value))
        if isinstance(value, dict):
            return self.entries(value)
        return self.copy(self.plain(value))

    def items(self, values: list[Any] | tuple[Any, ...]) -> list[Any]:
        self.enter()
        path = self.path
        path.append(0)
        copies = []
        for i, item in enumerate(values):
            path[-1] = i
            copies.append(self.copy(item))
        path.pop()
        return copies

    def entries(self, values: dict[Any, Any]) -> dict[Any, Any]:
        self.enter()
        path = self.path
        copies = {}
        for key, item in values.items():
            copied_key = self.key(key)
            path.append(key)
            copies[copied_key] = self.copy(item)
            path.pop()
        return copies

    def key(self, key: Any) -> str | int:
        if key.__class__ is str:
            return self.text(key, "a key")
        if key.__class__ is int:
            return self.integer(key, "a key")
        raise self.refusal(f"has a key of type {type(key).__qualname__}; allowed are str and int")

    def integer(self, value: int, part: str = "") -> int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise self.refusal(f"is an integer of {value.bit_length()} bits; 64 are allowed", part)
        self.take(_NUMBER_BYTES)
        return value

    def text(self, value: str, part: str = "") -> str:
        try:
            size = len(value) if value.isascii() else len(value.encode())
        except UnicodeEncodeError as error:
            lone = f"the lone surrogate {value[error.start]!r} at {error.start}"
            raise self.refusal(f"is a string with {lone}, which is no Unicode text", part) from None
        self.take(_TEXT_BYTES + size)
        return value

    def plain(self, value: Any) -> Any:
        """The value of an exact plain type that `value`, of a type of its own, stands for."""
        cls = value.__class__
        if cls.__module__ == "numpy":
            if getattr(value, "ndim", 1) == 0 and value.dtype.kind in _EXACT_KINDS:
                item = value.item()
                if item.__class__ in (bool, int, float, str, bytes):
                    return item
        elif isinstance(value, str):
            return str.__str__(value)
        elif isinstance(value, bytes):
            return bytes(memoryview(value))
        elif isinstance(value, float):
            return float.__float__(value)
        elif hasattr(cls, "__index__"):
            with suppress(TypeError):
                return index(value)
        raise self.refusal(
            f"has type {cls.__module__}.{cls.__qualname__}, which cannot travel; "
            "allowed are None, bool, int, float, str, bytes, list, tuple and dict"
        )

    def enter(self) -> None:
        if len(self.path) >= VALUE_DEPTH:
            raise self.refusal(f"is nested deeper than {VALUE_DEPTH} levels")
        self.take(_CONTAINER_BYTES)

    def take(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise ProgramError(f"{self.where} takes more than the {VALUE_BYTES} bytes that are allowed")

    def refusal(self, what: str, part: str = "") -> ProgramError:
        place = self.where + "".join(f"[{step!r:.40}]" for step in self.path)
        return ProgramError(f"{part} of {place} {what}" if part else f"{place} {what}")

"""Columns of results: one value per shot, held as compactly as the values allow.

`Column()` takes values with `append` and is otherwise read like a list: by index, slice, iteration and
comparison; sums of columns are lists. Bytes per value: 1 for booleans and for integers from -128 to 127, 8
for other integers of 64 bits and for floats, and 1 more once a value is None. Anything else, and a mixture
of types, is a list: 8 bytes and the object itself, where equal texts share one object.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, overload

_SHOWN: Final = 20  # values in the text of a column; of longer ones both ends
_FILLER: Final = {"?": 0, "b": 0, "q": 0, "d": 0.0}  # what stands where None is
_CODES: Final = {bool: "?", int: "b", float: "d"}


class Column(Sequence[Any]):
    """One value per shot; `Column([1, None, 2])` holds these, in this order."""

    __slots__ = ("_code", "_gaps", "_values")

    def __init__(self, values: Iterable[Any] = (), missing: int = 0) -> None:
        """Begin with `missing` times None, then `values`."""
        # "" only None so far, "?" booleans in a bytearray, "O" objects in a list, else that of an array
        self._code = ""
        self._values: Any = bytearray(missing)
        self._gaps: bytearray | None = bytearray(b"\1") * missing if missing else None  # 1 where None is
        for value in values:
            self.append(value)

    def append(self, value: Any) -> None:
        """Take one more value."""
        code = self._code
        if code == "O":
            self._values.append(sys.intern(value) if type(value) is str else value)
            return
        if value is None:
            self._append_gap()
            return
        kind = type(value)
        if kind is int and code == "q":
            self._append_or_widen(value)
            return
        if _CODES.get(kind) != code:
            if code:
                self._become_objects()
                self.append(value)
                return
            self._begin(_CODES.get(kind, "O"))
            self.append(value)
            return
        self._append_or_widen(value)

    def cut(self, length: int) -> None:
        """Forget the values from `length` on."""
        del self._values[length:]
        if self._gaps is not None:
            del self._gaps[length:]

    @property
    def nbytes(self) -> int:
        """Bytes that the values take; of objects only their references."""
        size = 8 if self._code in ("O", "q", "d") else 1
        return len(self) * size + (len(self) if self._gaps is not None else 0)

    def _append_gap(self) -> None:
        if self._gaps is None:
            self._gaps = bytearray(len(self._values))
        self._gaps.append(1)
        self._values.append(_FILLER.get(self._code, 0))

    def _append_or_widen(self, value: Any) -> None:
        try:
            self._values.append(value)
        except OverflowError:
            if self._code == "b":
                self._code, self._values = "q", array("q", self._values)
            else:
                self._become_objects()
            self.append(value)
            return
        if self._gaps is not None:
            self._gaps.append(0)

    def _begin(self, code: str) -> None:
        """Hold values of this code from now on; so far there are none but None."""
        if code == "O":
            self._become_objects()
            return
        self._code = code
        if code != "?":
            self._values = array(code, [_FILLER[code]]) * len(self)

    def _become_objects(self) -> None:
        self._values = list(self)
        self._code, self._gaps = "O", None

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        value = self._values[at]
        if self._gaps is not None and self._gaps[at]:
            return None
        return bool(value) if self._code == "?" else value

    def __iter__(self) -> Iterator[Any]:
        values: Iterable[Any] = map(bool, self._values) if self._code == "?" else self._values
        if self._gaps is None:
            return iter(values)
        return (None if gap else value for value, gap in zip(values, self._gaps, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column | list):
            return NotImplemented
        return len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        return [*other, *self]

    def __repr__(self) -> str:
        if len(self) <= _SHOWN:
            return repr(list(self))
        first, last = self[: _SHOWN // 2], self[-2:]
        return f"[{', '.join(map(repr, first))}, ... {', '.join(map(repr, last))}; {len(self)} values]"


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)

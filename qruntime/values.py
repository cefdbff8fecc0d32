"""`normalise`: the one door through which program values pass, in both runners.

What a program sends, gets as input or returns is copied and type checked here, so that a value means the
same whether it crossed a process boundary or not.
"""

from __future__ import annotations

from typing import Any

from qruntime.errors import ProgramError
from qruntime.limits import MESSAGE_BYTES, VALUE_DEPTH

_PLAIN = (str, bytes, float, bool, type(None))
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1


def normalise(value: Any, where: str = "value") -> Any:
    """A copy of `value` made of None, bool, int, float, str, bytes, list, tuple and dict with str or int
    keys.

    Numbers of other types with an exact Python counterpart (numpy scalars, futures) become int or float.
    Anything else raises `ProgramError` that names the place inside the value.
    """
    cls = value.__class__
    if cls is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise ProgramError(f"{where} is an integer of {value.bit_length()} bits; 64 are allowed")
        return value
    if cls in _PLAIN:
        if (cls is str or cls is bytes) and len(value) > MESSAGE_BYTES:
            raise ProgramError(f"{where} has {len(value)} characters; {MESSAGE_BYTES} are allowed")
        return value
    return _normalise(value, where, 0)


def _normalise(value: Any, where: str, depth: int) -> Any:
    if depth > VALUE_DEPTH:
        raise ProgramError(f"{where} is nested deeper than {VALUE_DEPTH} levels")
    cls = value.__class__
    if cls in _PLAIN or cls is int:
        return normalise(value, where)
    if cls is list:
        return [_normalise(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if cls is tuple:
        return tuple(_normalise(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value))
    if isinstance(value, dict):
        return {
            _key(key, where): _normalise(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()
        }
    for special, plain in (("__index__", int), ("__float__", float)):
        if hasattr(cls, special) and getattr(value, "ndim", 0) == 0:
            return normalise(plain(value), where)
    if isinstance(value, (str, bytes)):
        return normalise(str(value) if isinstance(value, str) else bytes(value), where)
    raise ProgramError(
        f"{where} has type {cls.__module__}.{cls.__qualname__}, which cannot travel; "
        "allowed are None, bool, int, float, str, bytes, list, tuple and dict"
    )


def _key(key: Any, where: str) -> Any:
    if key.__class__ is str or key.__class__ is int:
        return key
    raise ProgramError(f"{where} has a key of type {type(key).__qualname__}; allowed are str and int")

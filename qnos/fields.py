"""What a schema allows, in words: one row per field of a msgspec Struct.

Error messages and the reference pages read the same rows, so they cannot disagree. `rows(schema)` lists the
fields, `allowed(info)` puts one type into words, `find(schema, path)` follows a path of keys and indices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import inspect

Key = str | int


class Row(msgspec.Struct, frozen=True):
    """One field: what may be said, what holds if nothing is said, and what it means.

    `default` is the value in words, or `required`; `allowed` is a phrase with the range in it.
    """

    name: str
    allowed: str
    default: str
    description: str
    info: inspect.Type


def rows(schema: type[Any]) -> tuple[Row, ...]:
    """The fields of a Struct type, in order."""
    info = inspect.type_info(schema)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{schema!r} is no msgspec.Struct type")
    return tuple(_row(field) for field in info.fields)


def find(schema: type[Any], path: Sequence[Key]) -> Row | None:
    """The row of the field at `path` inside `schema`; None where the schema says nothing about it.

    An index keeps the row of the list it points into, whose `info` becomes that of the item.
    """
    row: Row | None = None
    info: inspect.Type = inspect.type_info(schema)
    for key in path:
        if isinstance(info, inspect.StructType) and isinstance(key, str):
            row = next((_row(field) for field in info.fields if field.name == key), None)
        elif row is not None and isinstance(key, int):
            item = _item(info, key)
            row = None if item is None else Row(row.name, allowed(item), "", row.description, item)
        else:
            row = None
        if row is None:
            return None
        info = _plain(row.info)
    return row


def allowed(info: inspect.Type) -> str:
    """A type in words, with its range: ``a number from 0 to 1``."""
    info = _plain(info)
    match info:
        case inspect.IntType():
            return "an integer" + _range(info)
        case inspect.FloatType():
            return "a number" + _range(info)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text" + _text_limits(info)
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in info.values)
        case inspect.UnionType():
            return " or ".join(allowed(choice) for choice in info.types)
        case inspect.ListType() | inspect.VarTupleType():
            return f"{_lengths(info)}, each {allowed(info.item_type)}"
        case inspect.TupleType():
            return f"a list of {len(info.item_types)}, each {allowed(info.item_types[0])}"
        case inspect.StructType():
            return "a mapping of " + ", ".join(field.name for field in info.fields)
        case inspect.DictType():
            each = allowed(info.value_type)
            return "a mapping" if each == "anything" else f"a mapping, each value {each}"
    return "anything"


def names(info: inspect.Type) -> list[str]:
    """The field names of a Struct (also one that may be null); empty for any other type."""
    info = _plain(info)
    choices = info.types if isinstance(info, inspect.UnionType) else (info,)
    structs = [_plain(choice) for choice in choices]
    return [
        field.name for struct in structs if isinstance(struct, inspect.StructType) for field in struct.fields
    ]


def in_words(value: object) -> str:
    """A value as one would write it in a file: ``null``, ``true``, ``.inf``, ``10_000``, ``[1, 2]``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(in_words, value))}]"
    if isinstance(value, msgspec.Struct):
        return "its defaults"
    return str(value)


def exact(value: object) -> str:
    """Like `in_words`, with every digit that tells the value from others: ``25_226_185.94``."""
    if isinstance(value, float) and math.isfinite(value):
        text = f"{value:_}" if abs(value) >= 10_000 else repr(value)
        return text.removesuffix(".0")
    return in_words(value)


def number(value: float) -> str:
    """A float, short: ``0.01``, ``1e+10``, ``.inf``."""
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return f"{value:.6g}"


def _row(field: inspect.Field) -> Row:
    description = ""
    if isinstance(field.type, inspect.Metadata):
        description = (field.type.extra_json_schema or {}).get("description", "")
    default = "required"
    if field.default is not msgspec.NODEFAULT:
        is_section = isinstance(field.default, msgspec.Struct)
        default = "its defaults" if is_section else in_words(field.default)
    elif field.default_factory is not msgspec.NODEFAULT:
        made = field.default_factory()
        default = "none" if made in ([], (), {}) else "its defaults"
    return Row(field.name, allowed(field.type), default, description, field.type)


def _plain(info: inspect.Type) -> inspect.Type:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


def _item(info: inspect.Type, index: int) -> inspect.Type | None:
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return info.item_type
    if isinstance(info, inspect.TupleType) and index < len(info.item_types):
        return info.item_types[index]
    return None


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    low, high = info.ge, info.le
    if info.gt is None and info.lt is None:
        if low is not None and high is not None:
            return f" from {in_words(low)} to {in_words(high)}"
        if low is not None:
            return f" of at least {in_words(low)}"
        if high is not None:
            return f" of at most {in_words(high)}"
        return ""
    bounds = (("above", info.gt), ("at least", low), ("below", info.lt), ("at most", high))
    return " " + " and ".join(f"{word} {in_words(bound)}" for word, bound in bounds if bound is not None)


def _lengths(info: inspect.ListType | inspect.VarTupleType) -> str:
    low, high = info.min_length, info.max_length
    if low == high and low is not None:
        return f"a list of {low}"
    if low is not None:
        return f"a list of at least {low}" if high is None else f"a list of {low} to {high}"
    return "a list" if high is None else f"a list of at most {high}"


def _text_limits(info: inspect.StrType) -> str:
    parts = []
    if info.max_length is not None:
        parts.append(f"of at most {info.max_length} characters")
    if info.pattern is not None:
        parts.append(f"matching {info.pattern}")
    return "" if not parts else " " + " ".join(parts)

"""Kinds of devices and links by name, as settings documents say them.

`device_schema` and `link_schema` give the schema of a kind, or the error that names the field and the kinds
there are. `described` is how messages call one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from qdriver import registry
from qnos.documents import Document, Path, nearest
from qruntime.errors import ConfigError
from qworld.links import KINDS

Family = Literal["device", "link"]


def device_schema(document: Document, path: Path, kind: str) -> type[Any]:
    """The schema of a kind of hardware, said at `path` of a document: a msgspec Struct type.

    `ConfigError` if there is no such hardware, or its plug-in cannot be loaded.
    """
    field = (*path, "kind")
    try:
        schema = registry.hardware(kind).schema
    except ConfigError as error:
        if ":" not in kind and kind not in registry.names():
            raise document.error(
                field, f"is {kind!r}, which is no known hardware; {nearest(kind, registry.names())}"
            ) from None
        raise document.error(field, f"is {kind!r}: {error}") from error
    if not (isinstance(schema, type) and issubclass(schema, msgspec.Struct)):
        fault = f"its schema is {schema!r}; a msgspec.Struct type is needed"
        raise document.error(field, f"is {kind!r}, which breaks the rule schema: {fault}")
    return schema


def link_schema(document: Document, path: Path, kind: str) -> type[Any]:
    """The schema of a kind of link, said at `path` of a document; `ConfigError` if there is none."""
    if kind not in KINDS:
        raise document.error(
            (*path, "kind"), f"is {kind!r}, which is no known kind of link; {nearest(kind, KINDS)}"
        )
    return KINDS[kind]


SCHEMAS: dict[Family, Callable[[Document, Path, str], type[Any]]] = {
    "device": device_schema,
    "link": link_schema,
}


def described(kind: str, family: Family) -> str:
    """``a generic device``."""
    return f"an {kind} {family}" if kind[:1] in tuple("aeiou") else f"a {kind} {family}"

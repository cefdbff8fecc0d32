"""Kinds of devices and links, and scheduling policies, by name, as settings documents say them.

`device_schema` and `link_schema` give the schema of a kind, or the error that names the field and the kinds
there are. `described` is how messages call one. `with_scheduler` checks the policy that a QNPU is to have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from qdriver import registry
from qnos.documents import Document, Path, nearest
from qnpu import registry as schedulers
from qnpu.settings import QnpuSettings
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


def with_scheduler(document: Document, settings: QnpuSettings) -> QnpuSettings:
    """The settings with every option of their scheduling policy in force, defaults included.

    `ConfigError` naming the field if there is no such policy, it cannot be loaded or made, or its schema
    refuses an option.
    """
    name, field = settings.scheduler, ("os", "qnpu", "scheduler")
    try:
        policy = schedulers.policy_class(name)
    except ConfigError as error:
        if error.__cause__ is None and ":" not in name and name not in schedulers.names():
            known = nearest(name, schedulers.names())
            raise document.error(field, f"is {name!r}, which is no known scheduler; {known}") from None
        raise document.error(field, f"is {name!r}: {error}") from error
    options = document.convert(
        (*field[:-1], "scheduler_options"), policy.schema, settings.scheduler_options, f"scheduler {name}"
    )
    try:
        schedulers.made(name, policy, options)
    except ConfigError as error:
        raise document.error(field, f"is {name!r}: {error}") from error
    return msgspec.structs.replace(settings, scheduler_options=msgspec.to_builtins(options))

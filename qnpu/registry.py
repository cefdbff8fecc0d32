"""Scheduling policies by name: built in, installed (entry point group `qnpu.scheduler`), or `module:Class`.

`policy(name, options)` makes a fresh one. `policy_class` and `options_of` do so in two steps, for those who
check a network file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import msgspec

from qnpu.policies import EdfPolicy, FairSharePolicy, QNodeOsPolicy, RoundRobinPolicy
from qnpu.scheduler import Policy
from qruntime.errors import ConfigError

GROUP = "qnpu.scheduler"

_BUILT_IN: dict[str, type[Policy]] = {
    "qnodeos": QNodeOsPolicy,
    "round_robin": RoundRobinPolicy,
    "edf": EdfPolicy,
    "fair_share": FairSharePolicy,
}


def names() -> list[str]:
    """Every policy that can be named in a network file, without loading any."""
    return sorted(_BUILT_IN | {entry.name: entry for entry in entry_points(group=GROUP)})


def shipped() -> dict[str, type[Policy]]:
    """Those that are ours, by name."""
    return dict(_BUILT_IN)


def policy_class(name: str) -> type[Policy]:
    """The policy called `name`.

    Raises `ConfigError` naming those there are, why it cannot be loaded, or what it lacks.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    try:
        if ":" in name:
            module, _, attribute = name.partition(":")
            found = getattr(importlib.import_module(module), attribute)
        else:
            entries = entry_points(group=GROUP, name=name)
            if not entries:
                known = f"{', '.join(names())}, or module:Class"
                raise ConfigError(f"unknown scheduler {name!r}; known are {known}", scheduler=name)
            found = next(iter(entries)).load()
    except ConfigError:
        raise
    except Exception as error:  # whatever a module of somebody else's does as it is imported
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"scheduler {name!r} cannot be loaded: {what}", scheduler=name) from error
    lacks = _lacks(found)
    if lacks:
        raise ConfigError(f"scheduler {name!r} is no policy: {lacks}", scheduler=name)
    loaded: type[Policy] = found
    return loaded


def policy(name: str, options: Mapping[str, Any] | None = None) -> Policy:
    """A fresh policy by name; raises `ConfigError` as `maker` does."""
    return maker(name, options or {})()


def maker(name: str, options: Mapping[str, Any]) -> Callable[[], Policy]:
    """What makes fresh policies of that name; `options` are checked by its schema.

    Raises `ConfigError` as `policy_class` does, and for options that its schema refuses; what it gives
    raises it if no policy can be made of them.
    """
    cls = policy_class(name)
    try:
        checked = msgspec.convert(dict(options), cls.schema, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"options of scheduler {name!r}: {error}", scheduler=name) from None
    return partial(made, name, cls, checked)


def made(name: str, cls: type[Policy], options: Any) -> Policy:
    """A fresh policy of a class that was loaded, from options that were checked; or `ConfigError`."""
    try:
        return cls(options)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"scheduler {name!r} cannot be made: {what}", scheduler=name) from error


def _lacks(found: Any) -> str:
    """What keeps it from being a policy; empty if nothing does."""
    if not isinstance(found, type):
        return "it is no class"
    for method in ("decide", "ran"):
        if not callable(getattr(found, method, None)):
            return f"it has no method {method}"
    if not isinstance(getattr(found, "preemptive", None), bool):
        return "it does not say whether it is preemptive"
    schema = getattr(found, "schema", None)
    if not (isinstance(schema, type) and issubclass(schema, msgspec.Struct)):
        return "its schema is no msgspec Struct type"
    return ""

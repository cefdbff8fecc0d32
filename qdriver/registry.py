"""Hardware by name: built in, installed (entry point group `qdriver.hardware`), or `module:Class`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Protocol

from qdriver.driver import QDriver
from qdriver.generic import GenericHardware
from qdriver.ion import IonHardware
from qdriver.nv import NvHardware
from qdriver.spec import DeviceSpec, LinkPoint
from qruntime.errors import ConfigError

GROUP = "qdriver.hardware"


class Hardware(Protocol):
    """A hardware plug-in: the schema of its parameters, and how spec and driver are made from them."""

    schema: type[Any]

    def spec(self, config: Any, links: Mapping[int, Sequence[LinkPoint]]) -> DeviceSpec:
        """The device as the OS sees it; `links` has the working points per peer node id."""

    def driver(self, spec: DeviceSpec) -> QDriver:
        """A fresh driver."""


_BUILT_IN: dict[str, Hardware] = {"generic": GenericHardware(), "ion": IonHardware(), "nv": NvHardware()}


def names() -> list[str]:
    """Every kind of hardware that can be named in a network file, without loading any."""
    return sorted(_BUILT_IN | {entry.name: entry for entry in entry_points(group=GROUP)})


def is_built_in(kind: str) -> bool:
    """Whether a kind of hardware is ours."""
    return kind in _BUILT_IN


def where(kind: str) -> str:
    """Where a kind of hardware comes from, without loading it."""
    if is_built_in(kind):
        return "built in"
    found = entry_points(group=GROUP, name=kind)
    return next((f"{entry.dist.name if entry.dist else '?'} ({entry.value})" for entry in found), "module")


def hardware(kind: str) -> Hardware:
    """The plug-in called `kind`.

    Raises `ConfigError` naming the known kinds, or why it cannot be loaded.
    """
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    try:
        if ":" in kind:
            module, _, attribute = kind.partition(":")
            plugin = getattr(importlib.import_module(module), attribute)
        else:
            found = entry_points(group=GROUP, name=kind)
            if not found:
                raise ConfigError(f"unknown device kind {kind!r}; known are {', '.join(names())}", kind=kind)
            plugin = next(iter(found)).load()
    except ConfigError:
        raise
    except Exception as error:  # whatever a module of somebody else's does as it is imported
        raise ConfigError(f"device kind {kind!r} cannot be loaded: {_said(error)}", kind=kind) from error
    if not (isinstance(plugin, type) and all(hasattr(plugin, part) for part in ("schema", "spec", "driver"))):
        raise ConfigError(f"device kind {kind!r} is no class with schema, spec and driver", kind=kind)
    try:
        loaded: Hardware = plugin()
    except Exception as error:
        raise ConfigError(f"device kind {kind!r} cannot be made: {_said(error)}", kind=kind) from error
    return loaded


def _said(error: Exception) -> str:
    if isinstance(error, ImportError | AttributeError):
        return str(error)
    return f"{type(error).__name__}: {error}"

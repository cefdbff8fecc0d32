"""Device models by name: built in, installed (entry point group `qworld.device`), or `module:Class`.

The world loads the model; the QNPU loads the driver of the same name (`qdriver.registry`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from qruntime.errors import ConfigError
from qworld.device import Device
from qworld.engine import Engine
from qworld.generic import GenericDevice
from qworld.ion import IonDevice
from qworld.nv import NvDevice

GROUP = "qworld.device"

DeviceModel = Callable[[Any, Engine], Device]

_BUILT_IN: dict[str, DeviceModel] = {"generic": GenericDevice, "ion": IonDevice, "nv": NvDevice}


def device_model(kind: str) -> DeviceModel:
    """The device model called `kind`.

    Raises `ConfigError` if there is none or it cannot be loaded.
    """
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    try:
        if ":" in kind:
            module, _, attribute = kind.partition(":")
            plugin: Any = getattr(importlib.import_module(module), attribute)
            model: DeviceModel = plugin.device
            return _checked(kind, model)
        found = entry_points(group=GROUP, name=kind)
        if found:
            return _checked(kind, next(iter(found)).load())
    except ConfigError:
        raise
    except Exception as error:  # whatever a module of somebody else's does as it is imported
        said = str(error) if isinstance(error, ImportError | AttributeError) else repr(error)
        raise ConfigError(f"device model {kind!r} cannot be loaded: {said}", kind=kind) from error
    raise ConfigError(f"no device model for kind {kind!r}", kind=kind)


def _checked(kind: str, model: object) -> DeviceModel:
    if not callable(model):
        raise ConfigError(
            f"device model {kind!r} is a {type(model).__name__}; a callable is needed", kind=kind
        )
    return model

"""The import shim: scripts that import SquidASM and what it stands on get what stands in for it here, as do
applications that import `netqasm.sdk.external`.

`install()` puts a finder first in line; `uninstall()` takes it away, with the modules it made. No package of
those names is ever on disk.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, Final

from qnos.compat.patience import put_back, put_in_place
from qnos.compat.requirement import netqasm_version
from qnos.compat.standins import EXTERNAL, INSTEAD, PACKAGES, STANDINS
from qruntime.errors import ConfigError

_PLACEHOLDERS: Final = {"pydynaa": "0.0.1"}  # on package indexes, with nothing in them


class _StandIn(ModuleType):
    """A module that finds its names when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        place = STANDINS[self.__name__].get(name)
        if place is None:
            if f"{self.__name__}.{name}" in STANDINS:
                return importlib.import_module(f"{self.__name__}.{name}")
            raise ImportError(_lacking(f"{self.__name__}.{name}"), name=self.__name__)
        module, _, own = place.partition(":")
        value = getattr(importlib.import_module(f"qnos.compat.{module}"), own or name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *STANDINS[self.__name__]])


class _Finder(MetaPathFinder, Loader):
    """Answers for every module of the packages that we stand in for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == EXTERNAL:
            return ModuleSpec(fullname, self, origin="qnos.compat")
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        if fullname not in STANDINS:
            raise ModuleNotFoundError(_lacking(fullname), name=fullname)
        return ModuleSpec(fullname, self, origin="qnos.compat", is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, f"Stands in for {spec.name}: see qnos.compat.")

    def exec_module(self, module: ModuleType) -> None:
        """Its names are looked up as they are used."""
        if module.__name__ == EXTERNAL:
            # Whoever asks which simulator it is must not go on to use that simulator's own tools.
            os.environ["NETQASM_SIMULATOR"] = "debug"


_FINDER: Final = _Finder()
_SET_ASIDE: Final[dict[str, ModuleType]] = {}  # what was imported before, and is put back


def install(prefer_ours: bool = False) -> None:
    """From now on imports of SquidASM, NetSquid, pydynaa and netsquid-netbuilder are answered here, and that
    of `netqasm.sdk.external`.

    Raises `ConfigError` if one of them is really installed, unless `prefer_ours`, or imported already, and if
    the NetQASM SDK is missing.
    """
    netqasm_version()
    if _FINDER in sys.meta_path:
        return
    imported = [name for name in PACKAGES if name in sys.modules]
    if imported:
        raise ConfigError(
            f"{', '.join(imported)} is imported already; install the stand-ins before, in a fresh interpreter"
        )
    real = really_installed()
    if real and not prefer_ours:
        raise ConfigError(
            f"{', '.join(real)} is really installed here; qnos does not mix with it. Run the script with "
            "plain python to use it, or prefer what stands in for it: --prefer-qnos, "
            "install(prefer_ours=True), or QNOS_COMPAT_PREFER=1"
        )
    sys.meta_path.insert(0, _FINDER)
    put_in_place()
    _SET_ASIDE.clear()
    if EXTERNAL in sys.modules:
        _SET_ASIDE[EXTERNAL] = sys.modules.pop(EXTERNAL)


def is_installed() -> bool:
    """Whether imports are answered here."""
    return _FINDER in sys.meta_path


def uninstall() -> None:
    """Undo `install`: imports are what they were; what a script holds already goes on working."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        put_back()
    for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
        del sys.modules[name]
    sys.modules.update(_SET_ASIDE)
    parent = sys.modules.get(EXTERNAL.rpartition(".")[0])
    if parent is not None:  # an import leaves the module there, too
        parent.__dict__.pop("external", None)
        for module in _SET_ASIDE.values():
            parent.__dict__["external"] = module
    _SET_ASIDE.clear()


def really_installed() -> list[str]:
    """Those of the packages that a script would get without us; an empty placeholder is none."""
    found = []
    for name in PACKAGES:
        if importlib.util.find_spec(name) is not None and not _is_placeholder(name):
            found.append(name)
    return found


def _is_placeholder(name: str) -> bool:
    try:
        return version(name) == _PLACEHOLDERS.get(name)
    except PackageNotFoundError:
        return False


def _lacking(name: str) -> str:
    parts = name.split(".")
    prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    instead = next(INSTEAD[prefix] for prefix in [*prefixes, "squidasm.sim.stack"] if prefix in INSTEAD)
    return f"{name} is not provided by qnos.compat; {instead}"

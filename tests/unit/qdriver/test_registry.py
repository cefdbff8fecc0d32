"""Hardware by name: built in, installed, or `module:Class`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest

from qdriver import registry
from qdriver.generic import GenericConfig, GenericHardware
from qruntime.errors import ConfigError

PLUGIN = "qdriver_test_plugin"


class Toaster(GenericHardware):
    """A plug-in of somebody else."""


@pytest.fixture
def plugin() -> Iterator[ModuleType]:
    module = ModuleType(PLUGIN)
    module.Toaster = Toaster  # type: ignore[attr-defined]
    sys.modules[PLUGIN] = module
    yield module
    del sys.modules[PLUGIN]


def install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    """Pretend that these plug-ins are installed."""

    def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
        assert group == registry.GROUP
        return EntryPoints(point for point in points if name is None or point.name == name)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_generic_is_built_in() -> None:
    assert "generic" in registry.names()
    assert registry.hardware("generic").schema is GenericConfig


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown device kind 'toaster'; known are .*generic") as caught:
        registry.hardware("toaster")
    assert caught.value.data == {"kind": "toaster"}


def test_class_of_a_module_is_loaded(plugin: ModuleType) -> None:
    assert isinstance(registry.hardware(f"{PLUGIN}:Toaster"), Toaster)


@pytest.mark.parametrize("kind", ["no_such_module:Thing", f"{PLUGIN}:Missing", f"{PLUGIN}:", ":Toaster", ":"])
def test_class_that_cannot_be_loaded_says_why(plugin: ModuleType, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be loaded|unknown device kind"):
        registry.hardware(kind)


def test_installed_plug_in_is_found_by_name(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("toaster", f"{PLUGIN}:Toaster", registry.GROUP))
    assert registry.names() == sorted({"generic", "toaster"} | set(registry._BUILT_IN))
    assert isinstance(registry.hardware("toaster"), Toaster)


def test_installed_plug_in_that_is_broken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("broken", "no_such_module:Thing", registry.GROUP))
    with pytest.raises(ConfigError, match="'broken' cannot be loaded: No module named 'no_such_module'"):
        registry.hardware("broken")


def test_built_in_name_cannot_be_taken_over(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("generic", f"{PLUGIN}:Toaster", registry.GROUP))
    assert type(registry.hardware("generic")) is GenericHardware


def test_names_are_listed_without_loading_any(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("broken", "no_such_module:Thing", registry.GROUP))
    assert "broken" in registry.names()

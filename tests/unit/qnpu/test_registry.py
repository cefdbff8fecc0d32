"""Scheduling policies by name: built in, installed, or `module:Class`; and what a network file may say of
them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Any

import msgspec
import pytest

from qnos.loading import load_network, with_values
from qnpu import registry
from qnpu.policies import QNodeOsPolicy, RoundRobinPolicy
from qnpu.scheduler import NoOptions, Schedulable, View
from qruntime.errors import ConfigError

PLUGIN = "qnpu_test_plugin"


class Depth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a plug-in."""

    depth: int = 3


class Last:
    """Last come first served."""

    schema = Depth
    preemptive = False

    def __init__(self, options: Depth) -> None:
        if options.depth == 13:
            raise ValueError("not that one")
        self.depth = options.depth

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        return view.ready[-1], None

    def ran(self, process: Schedulable, ns: int) -> None:
        pass


class Undecided:
    schema, preemptive = NoOptions, False

    def ran(self, process: Schedulable, ns: int) -> None:
        pass


class Unsaid(Last):
    preemptive = None  # type: ignore[assignment]


class Loose(Last):
    schema = dict  # type: ignore[assignment]


@pytest.fixture
def plugin() -> Iterator[ModuleType]:
    module = ModuleType(PLUGIN)
    for cls in (Last, Undecided, Unsaid, Loose):
        setattr(module, cls.__name__, cls)
    module.thing = Last(Depth())  # type: ignore[attr-defined]
    sys.modules[PLUGIN] = module
    yield module
    del sys.modules[PLUGIN]


def install(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    """Pretend that these plug-ins are installed."""

    def entry_points(*, group: str, name: str | None = None) -> EntryPoints:
        assert group == registry.GROUP
        return EntryPoints(point for point in points if name is None or point.name == name)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def network(**qnpu: Any) -> Any:
    return with_values("perfect", {f"os.qnpu.{field}": value for field, value in qnpu.items()})


def test_shipped_policies_have_names() -> None:
    assert registry.names() == ["edf", "fair_share", "qnodeos", "round_robin"]
    assert isinstance(registry.policy("qnodeos"), QNodeOsPolicy)
    assert isinstance(registry.policy("round_robin", {"quantum_ns": 5}), RoundRobinPolicy)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown scheduler 'fair'; known are .*qnodeos.* module:Class"):
        registry.policy("fair")


def test_class_of_a_module_and_an_installed_one_are_loaded(
    plugin: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, EntryPoint("last", f"{PLUGIN}:Last", registry.GROUP))
    for name in ("last", f"{PLUGIN}:Last"):
        policy = registry.policy(name, {"depth": 7})
        assert isinstance(policy, Last) and policy.depth == 7
    assert "last" in registry.names()


def test_built_in_name_cannot_be_taken_over(plugin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, EntryPoint("edf", f"{PLUGIN}:Last", registry.GROUP))
    assert registry.policy_class("edf") is not Last


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_such_module:Thing", "cannot be loaded: ModuleNotFoundError"),
        (f"{PLUGIN}:Missing", "cannot be loaded: AttributeError"),
        (f"{PLUGIN}:", "cannot be loaded"),
        (":", "cannot be loaded"),
        (f"{PLUGIN}:thing", "is no policy: it is no class"),
        (f"{PLUGIN}:Undecided", "is no policy: it has no method decide"),
        (f"{PLUGIN}:Unsaid", "is no policy: it does not say whether it is preemptive"),
        (f"{PLUGIN}:Loose", "is no policy: its schema is no msgspec Struct type"),
    ],
)
def test_what_is_no_policy_is_refused_when_the_network_is_loaded(
    plugin: ModuleType, name: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        registry.policy_class(name)
    with pytest.raises(ConfigError, match=rf"os\.qnpu\.scheduler is .*{why}"):
        network(scheduler=name)


def test_network_file_with_an_unknown_scheduler_names_those_there_are() -> None:
    with pytest.raises(
        ConfigError,
        match=r"os\.qnpu\.scheduler is 'round', which is no known scheduler; did you mean round_robin\?",
    ) as caught:
        network(scheduler="round")
    assert "edf, fair_share, qnodeos, round_robin" in str(caught.value)


def test_options_are_checked_by_the_schema_of_the_policy(plugin: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"scheduler_options\.quantum_ns is 0; allowed: an integer from 1"):
        network(scheduler="round_robin", scheduler_options={"quantum_ns": 0})
    with pytest.raises(ConfigError, match=r"scheduler_options.*quantum"):
        network(scheduler="edf", scheduler_options={"quantum_ns": 5})
    with pytest.raises(ConfigError, match="cannot be made: ValueError: not that one"):
        network(scheduler=f"{PLUGIN}:Last", scheduler_options={"depth": 13})
    with pytest.raises(ConfigError, match="options of scheduler 'edf'"):
        registry.policy("edf", {"quantum_ns": 5})


def test_network_says_every_option_in_force_and_loads_again() -> None:
    found = network(scheduler="round_robin")
    assert found.to_dict()["os"]["qnpu"]["scheduler_options"] == {"quantum_ns": 1_000_000}
    assert load_network(found.to_dict()) == found
    changed = with_values(found, {"os.qnpu.scheduler_options.quantum_ns": 7})
    assert changed.os.qnpu.scheduler_options == {"quantum_ns": 7}

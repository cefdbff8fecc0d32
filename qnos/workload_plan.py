"""A workload made ready for a network: applications loaded, copies placed, their inputs checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cnpu.app import App, load_app
from cnpu.launch import Launch
from qnos.config import NetworkConfig
from qnos.documents import nearest
from qnos.launching import launch_of
from qnos.placing import place
from qnos.workload import Entry, Workload
from qnos.workload_demands import scheduled
from qnpu.quotas import quotas_of
from qruntime.errors import ConfigError
from qruntime.rng import Streams

Inputs = Mapping[str, Mapping[str, Any]]

_KEY = re.compile(r"(?P<app>.+?)(?:\[(?P<copy>\d+)\])?\.(?P<role>[^.\[\]]+)")


class Copy:
    """One copy of an application in a workload: where its roles run, and on which inputs."""

    __slots__ = ("app", "entry", "inputs", "label", "mains", "number", "placement", "refused")

    def __init__(self, label: str, number: int, app: App, entry: Entry) -> None:
        self.label = label
        self.number = number
        self.app = app
        self.entry = entry
        self.mains: dict[str, Any] = {}
        self.placement: dict[str, str] = {}
        self.inputs: dict[str, dict[str, Any]] = {}
        self.refused = ""  # why it is not admitted

    def launches(self, session: int, start_ns: int) -> list[Launch]:
        """The programs of one instance, in the order of the roles."""
        return [
            launch_of(
                self.app.name,
                self.app.flavour,
                role,
                main,
                self.inputs[role],
                self.placement,
                session=session,
                start_ns=start_ns,
                scheduling=self.entry.scheduling,
                quotas=self.entry.quotas,
            )
            for role, main in self.mains.items()
        ]


class WorkloadPlan:
    """What is to run, and the seed.

    `placement` maps ``app.role`` (of all copies) or ``app[i].role`` to nodes, `inputs` the same keys to name
    and value; they add to what the workload itself says, and what is said of one copy goes before what is
    said of all. `network` gets the schedule that the workload says. Raises `ConfigError` for whatever cannot
    run.
    """

    def __init__(
        self,
        workload: Workload,
        network: NetworkConfig,
        *,
        seed: int = 0,
        inputs: Inputs | None = None,
        placement: Mapping[str, str] | None = None,
        until_ns: int | None = None,
    ) -> None:
        self.workload = workload
        self.network = network
        self.seed = seed
        self.until_ns = until_ns
        self.streams = Streams(seed)
        self.apps: dict[str, list[Copy]] = {}
        for entry in workload.entries:
            app = load_app(entry.app)
            label = entry.name or app.name
            if label in self.apps:
                raise ConfigError(
                    f"{workload.name}: two entries are called {label!r}; give each a name of its own"
                )
            if until_ns is None and entry.is_endless:
                raise ConfigError(
                    f"{workload.name}: {label} goes on as long as the session lasts; say how long (--until)"
                )
            self.apps[label] = [Copy(label, number, app, entry) for number in range(entry.count)]
        placed = self._by_copy(placement or {}, "placement")
        given = self._by_copy(inputs or {}, "inputs")
        for copies in self.apps.values():
            for copy in copies:
                self._prepare(copy, placed, given)
        if workload.schedule is not None or any(entry.demand is not None for entry in workload.entries):
            self.network = scheduled(self)

    @property
    def copies(self) -> Iterator[Copy]:
        """All that are admitted, in order."""
        return (copy for copies in self.apps.values() for copy in copies if not copy.refused)

    def _prepare(self, copy: Copy, placed: Any, given: Any) -> None:
        entry, key = copy.entry, (copy.label, copy.number)
        try:
            quotas_of(self.network.os.qnpu.quotas, entry.quotas)
            copy.placement, copy.mains = place(
                copy.app,
                self.network,
                {**entry.place, **placed.get((copy.label, -1), {}), **placed.get(key, {})},
            )
            said: dict[str, dict[str, Any]] = {}
            for layer in (entry.inputs, given.get((copy.label, -1), {}), given.get(key, {})):
                for role, values in layer.items():
                    said[role] = {**said.get(role, {}), **values}
            copy.inputs = copy.app.check_inputs(copy.mains, said)
        except ConfigError as error:
            raise ConfigError(f"{self.workload.name}: {copy.label}[{copy.number}]: {error.message}") from None

    def _by_copy(self, said: Mapping[str, Any], what: str) -> dict[tuple[str, int], dict[str, Any]]:
        """What is said per (label, copy), copy -1 for all: role -> it."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for key, value in said.items():
            match = _KEY.fullmatch(key)
            if match is None:
                raise ConfigError(f"{what} names {key!r}; allowed: APP.ROLE, or APP[COPY].ROLE for one copy")
            label, copy = match["app"], -1 if match["copy"] is None else int(match["copy"])
            if label not in self.apps:
                raise ConfigError(f"{what} names {key!r}; {label!r} is no application here; "
                                  f"{nearest(label, self.apps)}")  # fmt: skip
            if copy >= len(self.apps[label]):
                raise ConfigError(
                    f"{what} names {key!r}; {label} has copies 0 to {len(self.apps[label]) - 1}"
                )
            found.setdefault((label, copy), {})[match["role"]] = value
        return found

"""Scheduling policies: which process gets the processor next.

A policy is a small object with `decide(view)` and `ran(process, ns)`. It sees only what `View` shows, owns
no clock, and is asked when a process becomes ready, waits or ends. Naming another process while one runs is
the request to preempt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from qruntime.errors import ConfigError


class Schedulable(Protocol):
    """What a policy may know about a process.

    `arrival` orders by the moment it became ready.
    """

    pid: int
    arrival: int
    priority: int
    is_network: bool


class View(NamedTuple):
    """The situation: time, who has the processor, who wants it."""

    now_ns: int
    running: Schedulable | None
    ready: Sequence[Schedulable]


class Policy(Protocol):
    """A scheduling policy."""

    preemptive: bool

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """Who should run, None to leave things as they are; and when to be asked again, if time alone may
        change it."""

    def ran(self, process: Schedulable, ns: int) -> None:
        """`process` has had the processor for `ns`."""


class QNodeOsPolicy:
    """QNodeOS's: the network process first, then users first come first served; never preempts."""

    preemptive = False

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """The network process if it is ready, else the user process that has been ready longest."""
        if view.running is not None or not view.ready:
            return None, None
        best = None
        for process in view.ready:
            if process.is_network:
                return process, None
            if best is None or process.arrival < best.arrival:
                best = process
        return best, None

    def ran(self, process: Schedulable, ns: int) -> None:
        """Keeps no account."""


_POLICIES: dict[str, Callable[[], Policy]] = {"qnodeos": QNodeOsPolicy}


def policy(name: str) -> Policy:
    """A fresh policy by name.

    Raises `ConfigError` listing the known ones.
    """
    try:
        return _POLICIES[name]()
    except KeyError:
        known = ", ".join(sorted(_POLICIES))
        raise ConfigError(f"unknown scheduler {name!r}; known are {known}", scheduler=name) from None

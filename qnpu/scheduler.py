"""Scheduling policies: which process gets the processor next.

A policy is a small object with `decide(view)` and `ran(process, ns)`. It sees only what `View` shows, owns
no clock, and is asked after every event that left somebody ready. Naming another process while one runs is
the request to preempt. The shipped ones are in `policies`, `registry` finds one by name.

A policy that keeps the ready processes in an order of its own may have two more methods: `arrived(process)`,
called when a process becomes ready or had to give the processor up, and `left(process)`, called when it is
ready no longer, because it was chosen or its subroutine is gone. `arrived` comes after `ran`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec


class Schedulable(Protocol):
    """What a policy may know about a process.

    `arrival` counts up as processes become ready, and is theirs until they wait or end; one that was
    interrupted by the network process alone keeps it, one that another process displaced gets a new one.
    `deadline_ns` is simulated time, None for none; `weight` is 1 or more; a higher `priority` is more urgent.
    """

    pid: int
    arrival: int
    deadline_ns: int | None
    weight: int
    priority: int
    is_network: bool


class View(NamedTuple):
    """The situation: time, who has the processor, who wants it.

    `ready` is in the order of `arrival`, but for the network process, which is first if it is there; the
    network process is never `running`, because it gives the processor back in the same nanosecond.
    """

    now_ns: int
    running: Schedulable | None
    ready: Sequence[Schedulable]


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """This policy has no parameters."""


class Policy(Protocol):
    """A scheduling policy: a class that is made from an instance of its `schema`, a msgspec Struct type.

    `preemptive` says whether it may take the processor away from a process.
    """

    schema: ClassVar[type[Any]]
    preemptive: ClassVar[bool]

    def __init__(self, options: Any) -> None: ...

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """Who should run, None to leave things as they are; and when to be asked again, if time alone may
        change it.

        Asked while a process runs only if the policy is preemptive and the process can be interrupted.
        """

    def ran(self, process: Schedulable, ns: int) -> None:
        """`process` has had the processor for `ns`, and has it no longer."""

"""What the host of a network works for: a `Service` decides what its universes are for.

`shots` runs applications shot by shot, `live` keeps a network up on one timeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qruntime.authority import Authority
from qruntime.control import Answer, ControlMessage, Loaded
from qruntime.errors import QnosError
from qruntime.orders import EndedRow


class Universe:
    """One network on one timeline."""

    __slots__ = ("answers", "authority", "is_held", "limit_ns", "taken")

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.answers: dict[str, Answer] | None = None  # being asked who waits, None while things happen
        self.is_held = False  # nothing is granted until its service has heard what is next
        self.limit_ns: int | None = None  # nothing later is granted
        self.taken: dict[str, int] = {}  # events that each actor took, and reported what they caused

    @property
    def number(self) -> int:
        """What it goes by on the wire."""
        return self.authority.universe

    @property
    def is_at_limit(self) -> bool:
        """Whether nothing is left to happen up to its limit, and nobody is asked about it."""
        if self.limit_ns is None or self.is_held or self.answers is not None:
            return False
        return self.authority.is_over(self.limit_ns)


class Service(Protocol):
    """What the universes of a host are for."""

    def ready(self) -> None:
        """All actors are up."""

    def client(self, message: ControlMessage) -> None:
        """A client wants something."""

    def loaded(self, message: Loaded) -> None:
        """An actor answered `Load`."""

    def ended(self, universe: Universe, rows: Sequence[EndedRow]) -> None:
        """Programs of a universe ended."""

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Nothing is left to happen: True if somebody may be waiting in vain."""

    def stuck(self, universe: Universe) -> None:
        """Programs have not ended, and none of them waits for anything that could be told."""

    def reached(self, universe: Universe) -> None:
        """Nothing is left to happen up to `limit_ns` of this universe."""

    def answered(self) -> None:
        """Everybody has answered an `Ask`."""

    def crashed(self, error: QnosError) -> None:
        """An actor has a bug."""

    def leave(self) -> None:
        """A client wants the network to end: see that `Host.leaving` becomes true."""

    def lost(self, actor: str) -> None:
        """The process of an actor is gone, or gives no sign of life; `Host.lost` has it already."""

    def close(self) -> None:
        """The network ends."""

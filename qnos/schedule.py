"""A network schedule: which link may attempt entanglement when, as a controller gives it to all nodes.

`Schedule` is a checked one: bins of links, once or over and over (time-division multiple access). Its bins
are known to every node before anything begins. How one is read and checked is in `schedule_file`, how one is
computed in `controller`. A network without a schedule attempts on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from qnos.units import duration
from qnpu.timetable import LinkBin
from qruntime.limits import LONGEST_NS


class BinFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One entry of `bins`: a stretch of time in which a link may attempt entanglement."""

    nodes: Annotated[
        Annotated[list[str], Meta(min_length=2, max_length=2)],
        Meta(description="the two nodes that the link joins"),
    ]
    start_ns: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_NS)] | None,
        Meta(description="from the beginning of the period; null: where the entry before it ends"),
    ] = None
    length_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None, Meta(description="null: bin_ns of the schedule")
    ] = None
    apps: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        Meta(description="for requests of these applications only; none: of all"),
    ] = []
    demand: Annotated[str, Meta(description="the demand that it was computed for, for people")] = ""


class ScheduleFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A network schedule. Outside of the bins of its link a request waits."""

    bins: Annotated[
        list[dict[str, Any]], Meta(min_length=1, description="bins of links, one after the other")
    ]
    name: Annotated[str | None, Meta(description="name of the schedule; null: that of the file")] = None
    about: Annotated[str, Meta(description="what it is, in one sentence")] = ""
    first_ns: Annotated[
        int,
        Meta(ge=0, le=LONGEST_NS, description="when the first period begins; no attempts before"),
    ] = 0
    bin_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="length of the bins that do not say theirs"),
    ] = None
    period_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="the bins repeat after so long; null: after the end of the last"),
    ] = None
    repeat: Annotated[bool, Meta(description="whether they repeat; else they come once")] = True


class Bin(msgspec.Struct, frozen=True):
    """A bin of the link between two nodes, in ns from the beginning of the period.

    `apps` empty: for all. `demand` is the name of the one it was computed for, if it was.
    """

    nodes: tuple[str, str]
    start_ns: int
    length_ns: int
    apps: tuple[str, ...] = ()
    demand: str = ""

    @property
    def end_ns(self) -> int:
        """Its end, which is no part of it."""
        return self.start_ns + self.length_ns


class Schedule(msgspec.Struct, frozen=True):
    """Bins by start; `period_ns` None: they come once."""

    name: str
    bins: tuple[Bin, ...]
    first_ns: int = 0
    period_ns: int | None = None

    @property
    def length_ns(self) -> int:
        """Of one period, or up to the end of the last bin."""
        return self.period_ns or max((row.end_ns for row in self.bins), default=0)

    @property
    def links(self) -> list[tuple[str, str]]:
        """The links that have bins, in the order of their first."""
        return list(dict.fromkeys(row.nodes for row in self.bins))

    def of_link(self, a: str, b: str) -> list[LinkBin]:
        """The bins of the link of two nodes, given in either order, as a QNPU knows them."""
        return [
            LinkBin(row.start_ns, row.end_ns, row.apps) for row in self.bins if row.nodes in ((a, b), (b, a))
        ]

    def share(self, a: str, b: str) -> float:
        """The part of the time that is theirs, 0 to 1."""
        return sum(row.end_ns - row.start_ns for row in self.of_link(a, b)) / self.length_ns

    @classmethod
    def of_dict(cls, data: Mapping[str, Any]) -> Schedule:
        """The schedule of which `to_dict()` gave this."""
        found = msgspec.convert(data, cls)
        return found if data["repeat"] else msgspec.structs.replace(found, period_ns=None)

    def in_words(self) -> str:
        """Its name, and what part of the time each link has: ``half, every 40 ms: alice-bob 50 %``."""
        when = f"every {duration(self.length_ns)}" if self.period_ns else "once"
        shares = ", ".join(f"{a}-{b} {100 * self.share(a, b):.4g} %" for a, b in self.links)
        return f"{self.name}, {when}: {shares}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data in the shape of a schedule file, every value said."""
        return {
            "name": self.name,
            "first_ns": self.first_ns,
            "period_ns": self.length_ns,
            "repeat": self.period_ns is not None,
            "bins": [
                {
                    "nodes": list(row.nodes),
                    "start_ns": row.start_ns,
                    "length_ns": row.length_ns,
                    **({"apps": list(row.apps)} if row.apps else {}),
                    **({"demand": row.demand} if row.demand else {}),
                }
                for row in self.bins
            ],
        }

"""What applications demand of a network: packets of entangled pairs, so many, so often, how probably.

`load_demands(source)` reads a file or a list. `packet_length(demand, network)` is how long a stretch of
attempts (a packet generation attempt) must be for one packet, as Beauchamp et al. (arXiv:2503.12582) size it:
the slots are those of `qnos.packets`, their probability that of the links of the network.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from qnos.documents import Document, in_short
from qnos.packets import link_probability, slots_with_memory, slots_without_memory, stored_slot_probability
from qnpu.admission import UNSTATED_FIDELITY, working_point
from qruntime.errors import ConfigError
from qruntime.limits import LONGEST_NS

if TYPE_CHECKING:
    from qdriver.spec import LinkPoint
    from qnos.config import NetworkConfig

SECOND_NS: Final = 1_000_000_000
_TENTHS: Final = (10, 20, 25, 40, 50, 80)  # of a power of ten: periods made from rates


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Packets of pairs that somebody wants over and over; one attempt at a packet is made in each period.

    `nodes` is the path: two neighbours, or more if an application swaps in between.
    """

    name: Annotated[str, Meta(min_length=1, description="what the schedule and the decision call it")]
    nodes: Annotated[
        Annotated[list[str], Meta(min_length=2)],
        Meta(description="two neighbours; with more, pairs of all links on the way are swapped"),
    ]
    apps: Annotated[
        list[str] | None,
        Meta(description="applications that its bins are for; null: the one of its name; none: all"),
    ] = None
    pairs: Annotated[int, Meta(ge=1, le=1000, description="pairs of a packet")] = 1
    period_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None, Meta(description="one attempt at a packet in each")
    ] = None
    rate_per_s: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)] | None,
        Meta(description="packets per second on average; the period is p_packet over it, rounded down"),
    ] = None
    p_packet: Annotated[
        float, Meta(gt=0, lt=1, description="probability with which an attempt gives the packet")
    ] = 0.9
    deadline_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="by when in its period an attempt is over; null: the end of the period"),
    ] = None
    min_fidelity: Annotated[
        int, Meta(ge=0, le=100, description="of the pairs of a link, in percent; 100: whatever it gives")
    ] = UNSTATED_FIDELITY
    measure: Annotated[bool, Meta(description="pairs are measured at once, which may take less time")] = False
    window_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="all pairs of a packet come within this; null: as far apart as may be"),
    ] = None
    slot_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="attempts in one slot give at most one pair; null: one attempt of the slowest link"),
    ] = None
    p_swap: Annotated[float, Meta(gt=0, le=1, description="probability of a swap on the way")] = 1.0
    overhead_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="added for the costs of the OS during an attempt")
    ] = 0

    def __post_init__(self) -> None:
        if (self.period_ns is None) == (self.rate_per_s is None):
            raise ValueError("says both period_ns and rate_per_s, or neither; allowed: one of them")
        if self.deadline_ns is not None and self.deadline_ns > self.every_ns:
            raise ValueError(f"deadline_ns is {self.deadline_ns}; allowed: up to the period, {self.every_ns}")

    @property
    def every_ns(self) -> int:
        """The period; of a rate one that others often divide: 1, 2, 2.5, 4, 5 or 8 times a power of ten."""
        if self.period_ns is not None:
            return self.period_ns
        assert self.rate_per_s is not None
        exact_ns = max(int(self.p_packet / self.rate_per_s * SECOND_NS), 1)
        power: int = 10 ** (len(str(exact_ns)) - 1)
        round_ns = [tenths * power // 10 for tenths in _TENTHS if tenths * power % 10 == 0]
        return max(ns for ns in round_ns if ns <= exact_ns)

    @property
    def links(self) -> list[tuple[str, str]]:
        """The neighbours on its path."""
        return list(pairwise(self.nodes))

    @property
    def for_apps(self) -> tuple[str, ...]:
        """The applications that its bins name."""
        return (self.name,) if self.apps is None else tuple(self.apps)


class DemandsFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file of demands."""

    demands: Annotated[
        list[dict[str, Any]], Meta(min_length=1, description="in the order in which they are to be admitted")
    ]
    name: Annotated[str | None, Meta(description="name of the schedule; null: that of the file")] = None


class Demands(msgspec.Struct, frozen=True):
    """Demands in the order of admission, under a name."""

    name: str
    demands: tuple[Demand, ...]


class Unmeetable(ValueError):
    """A demand that no schedule of the network could meet; the text says why."""


def load_demands(source: Any) -> Demands:
    """The demands of a file (path), a mapping of its shape, or a sequence of `Demand`.

    Whatever is wrong is a `ConfigError` with file, line and field.
    """
    if isinstance(source, Demands):
        return source
    if isinstance(source, Sequence) and not isinstance(source, str):
        found = tuple(source)
        if not all(isinstance(demand, Demand) for demand in found):
            raise ConfigError(f"demands are {in_short(source)}; allowed: a sequence of Demand")
        _refuse_twins(found, Document(None, "demands"))
        return Demands("computed", found)
    if isinstance(source, Mapping):
        return _demands_of(Document(dict(source), "demands"), "computed")
    if not isinstance(source, str | os.PathLike):
        raise ConfigError(f"demands are {in_short(source)}; allowed: a path, a mapping, a sequence of Demand")
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: demands cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: demands are no text in UTF-8", file=str(path)) from None
    return _demands_of(Document.read(text, str(path)), path.stem)


def packet_length(demand: Demand, network: NetworkConfig) -> int:
    """The time in ns of one attempt at a packet: enough slots for p_packet, and the overhead.

    That is what the demand says, and a tick of the slowest clock on the path, at which attempts begin.

    Links that differ count with their own probabilities, but with a window as if all were like the weakest.
    Raises `Unmeetable`.
    """
    from qnos.assembly import device_spec  # brings in the OS

    points = [_point(demand, a, b, network) for a, b in demand.links]
    cycles = [point.measure_cycle_ns if demand.measure else point.cycle_ns for point in points]
    slot_ns = demand.slot_ns or max(cycles)
    if min(cycles) <= 0 or slot_ns < max(cycles):
        raise Unmeetable(f"a slot of {slot_ns:g} ns is less than an attempt, {max(cycles):g} ns")
    attempts = [int(slot_ns // cycle) for cycle in cycles]
    links = [
        (link_probability(point.success_probability, m), point.success_probability, m)
        for point, m in zip(points, attempts, strict=True)
    ]
    swaps = len(links) - 1
    try:
        if demand.window_ns is None:
            p = math.prod(of_slot for of_slot, _, _ in links) * demand.p_swap**swaps
            slots = slots_without_memory(demand.pairs, p, demand.p_packet)
        else:
            window = int(demand.window_ns // slot_ns)
            if window < demand.pairs:
                what = f"{demand.pairs} pairs take at least as many slots of {slot_ns:g} ns"
                raise Unmeetable(f"{what}, and window_ns, {demand.window_ns}, has {window}")
            _, p_gen, m = min(links)
            q = stored_slot_probability(p_gen, m, swaps, demand.p_swap, window)
            slots = slots_with_memory(demand.pairs, q, window, demand.p_packet)
    except Unmeetable:
        raise
    except ValueError as error:
        raise Unmeetable(str(error)) from None
    tick_ns = max(device_spec(network, network.node_names.index(node)).tick_ns for node in demand.nodes)
    return math.ceil(slots * slot_ns) + tick_ns + demand.overhead_ns


def _point(demand: Demand, a: str, b: str, network: NetworkConfig) -> LinkPoint:
    """The working point at which the OS would run a link for this demand."""
    from qnos.assembly import link_points  # brings in the OS

    for node in (a, b):
        if node not in network.node_names:
            raise Unmeetable(
                f"{node} is no node of {network.name}; there are {', '.join(network.node_names)}"
            )
    if network.link_between(a, b) is None:
        raise Unmeetable(f"no link of {network.name} joins {a} and {b}")
    points = link_points(network, network.node_names.index(a))[network.node_names.index(b)]
    point = working_point(points, demand.min_fidelity)
    if point is None:
        most = 100 * max(point.fidelity for point in points)
        raise Unmeetable(
            f"the link {a}-{b} gives a fidelity of at most {most:.4g} %, not {demand.min_fidelity} %"
        )
    return point


def _demands_of(document: Document, name: str) -> Demands:
    top = document.convert((), DemandsFile, document.data, "a file of demands")
    found = tuple(
        document.convert(("demands", index), Demand, said, "a demand")
        for index, said in enumerate(top.demands)
    )
    _refuse_twins(found, document)
    return Demands(top.name or name, found)


def _refuse_twins(demands: Sequence[Demand], document: Document) -> None:
    names: set[str] = set()
    for index, demand in enumerate(demands):
        if demand.name in names:
            raise document.error(
                ("demands", index, "name"), f"is {demand.name!r}, as in another demand; give each its own"
            )
        names.add(demand.name)

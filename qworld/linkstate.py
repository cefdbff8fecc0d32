"""What the world keeps of a link: what each device said last, and the attempts in progress."""

from __future__ import annotations

import msgspec

from qruntime.messages import EntangleItem
from qworld.links import Link, WorkingPoint


class Side(msgspec.Struct):
    """One device's word on one link: from when, with which qubit, for which items.

    `together` is what an exclusive device was last told about its attempts, None for nothing yet.
    """

    qubit: int
    start_ns: int
    items: dict[tuple[int, int, int], EntangleItem]
    number: int
    together: bool | None = None


class FirstAttempt(msgspec.Struct, frozen=True):
    """Timer: the first attempt of a device on the link to `peer` is over."""

    node: int
    peer: int


class Stretch(msgspec.Struct):
    """Attempts in progress on one link for one item; it ends at success unless somebody cancels.

    `attempts` is 0 if none can succeed.
    """

    item: tuple[int, int, int]
    start_ns: int
    attempts: int
    qubits: tuple[int, int]
    point: WorkingPoint
    cycle_ns: float


class LinkState:
    """A link between the devices of nodes `a` < `b`."""

    __slots__ = ("a", "b", "flipped", "grid_ns", "name", "points", "serial", "sides", "stretch")

    def __init__(self, a: int, b: int, model: Link, flipped: bool, grid_ns: int, name: str) -> None:
        self.a = a
        self.b = b
        self.flipped = flipped  # the model's first end is b
        self.points = {point.parameter: point for point in reversed(model.points())}
        self.grid_ns = grid_ns
        self.name = name
        self.sides: dict[int, Side] = {}
        self.stretch: Stretch | None = None
        self.serial = 0

"""What the world keeps of a link: what each device said last, and the attempts in progress."""

from __future__ import annotations

import msgspec

from qruntime.qdevice import EntangleItem
from qworld.links import Link, WorkingPoint


class Side(msgspec.Struct):
    """One device's word on one link: from when, with which qubit, for which items.

    An exclusive device is told whether its attempts have company: `together` is whether they have, as it was
    when that was last looked at, `answer_ns` when it will be told (-1: it need not be), `answered` whether
    it has been told anything.
    """

    qubit: int
    start_ns: int
    items: dict[tuple[int, int, int], EntangleItem]
    number: int
    together: bool | None = None
    answer_ns: int = -1
    answered: bool = False


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

    __slots__ = ("_default", "_points", "a", "b", "flipped", "grid_ns", "name", "serial", "sides", "stretch")

    def __init__(self, a: int, b: int, model: Link, flipped: bool, grid_ns: int, name: str) -> None:
        self.a = a
        self.b = b
        self.flipped = flipped  # the model's first end is b
        points = model.points()
        self._default = points[0]
        self._points = {point.parameter: point for point in points}
        self.grid_ns = grid_ns
        self.name = name
        self.sides: dict[int, Side] = {}
        self.stretch: Stretch | None = None
        self.serial = 0

    def point(self, item: EntangleItem) -> WorkingPoint:
        """The working point that an item asks for, the default if the link has no such."""
        return self._points.get(item.parameter, self._default)

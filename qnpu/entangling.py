"""The entangling state of the device: on which links it is ready to attempt, whether peers are as well, and
when it may be used for something else.

A device whose spec says `attempt_exclusive` can do nothing else while it attempts. It finds out with its
first attempt whether the peer attempts too: until then, and while that is so, nobody else has the device. If
the peer does not, a user process that needs the device has it at once, and the network process speaks again
when it next has the processor. Other devices attempt beside everything else; here that is never `in the way`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from qruntime.qdevice import Attempted, EntangleItem, Response

if TYPE_CHECKING:
    from qdriver.driver import QDriver
    from qnpu.linklayer import LinkLayer


class Entangling:
    """`free()` is called when the device can be had again by those who wait for it."""

    def __init__(self, driver: QDriver, links: Iterable[LinkLayer], free: Callable[[], None]) -> None:
        self._driver = driver
        self._links = list(links)
        self._free = free
        self.exclusive = driver.spec.attempt_exclusive
        self.reset()

    def reset(self) -> None:
        """Not entangling."""
        self._said = 0
        self.in_the_way = False  # an exclusive device is in the entangling state

    def say(self, link: LinkLayer, items: tuple[EntangleItem, ...], now_ns: int) -> None:
        """Tell the device which pairs it may make on a link."""
        link.registered = items
        link.company = None
        self._said += 1
        link.said = self._said
        qubit = -1 if link.qubit is None else link.qubit
        self._driver.entangle(link.peer, qubit, items, now_ns, link.heard, link.said)
        self._look_again()

    def reserved(self, link: LinkLayer) -> None:
        """`link` got its qubit: what the device makes by earlier words is not for it."""
        link.reserved_said = self._said + 1

    def heard(self, link: LinkLayer) -> list[LinkLayer]:
        """A pair came on `link`; gives the links on which the device has left the entangling state."""
        left = [
            other
            for other in self._links
            if other is link or (other.registered and (self.exclusive or other.qubit == link.qubit))
        ]
        for other in left:
            other.registered = ()
        self._look_again()
        return left

    def attempted(self, link: LinkLayer, answer: Attempted) -> None:
        """The first attempt is over."""
        if answer.number == link.said and link.registered:
            link.company = answer.response == Response.ENTANGLEMENT_FAILURE
            self._look_again()

    def is_taken(self) -> bool:
        """Whether nothing else can have the device now."""
        return self.in_the_way and any(link.registered and link.company is not False for link in self._links)

    def step_aside(self, now_ns: int) -> list[LinkLayer]:
        """Leave the entangling state on all links; gives those on which to speak again later."""
        left = [link for link in self._links if link.registered]
        for link in left:
            self.say(link, (), now_ns)
        return left

    def _look_again(self) -> None:
        self.in_the_way = self.exclusive and any(link.registered for link in self._links)
        if self.exclusive and not self.is_taken():
            self._free()

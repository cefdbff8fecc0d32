"""Who has a device that can do nothing else while it attempts entanglement: the network process or programs.

`lend` is asked before every other use of the device. While attempts have company the network process keeps
it until they succeed; if `attempt_batch` is set, only up to the next multiple of so many attempts after a
user process asked. Then the process that asked has the device until it gives the processor up, and attempts
go on. Under a preemptive policy the same holds for every process that the device is lent to, or the network
process, which comes first, would have it back before the next gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Final

from netqasm_isa.epr import EprType
from qnpu.process import Process
from qruntime.qdevice import Attempted

if TYPE_CHECKING:
    from qnpu.entangling import Entangling
    from qnpu.linklayer import LinkLayer
    from qnpu.main import Qnpu
    from qnpu.netprocess import NetworkProcess

_BATCH: Final = "batch"  # the timer of the end of a batch of attempts


class Sharing:
    """The turns of the network process and of programs at one device."""

    def __init__(self, qnpu: Qnpu, network: NetworkProcess, links: Sequence[LinkLayer]) -> None:
        self._qnpu = qnpu
        self._network = network
        self._links = links
        self._entangling: Entangling = network.entangling
        self._batch = qnpu.settings.attempt_batch
        self._spec_links = qnpu.driver.spec.links
        self._has_bins = qnpu.bins is not None
        self.reset()

    def reset(self) -> None:
        """Nobody has asked."""
        self._asked: dict[int, Process] = {}  # pid -> who was refused the device
        self._owed: dict[int, Process] = {}  # pid -> whose turn at the device is not over
        self._aside: dict[int, LinkLayer] = {}  # peer -> where attempts go on after that
        self._since: dict[int, tuple[tuple[int, int], int]] = {}  # peer -> pair, begin of its attempts
        self._is_timed = False

    def lend(self, now_ns: int) -> bool:
        """Whether somebody may use the device now, which then leaves the entangling state for a while."""
        if not self._entangling.in_the_way:
            return True
        dispatcher = self._qnpu.dispatcher
        user = dispatcher.running
        if self._entangling.is_taken():
            if user is not None and self._batch is not None:
                self._asked[user.pid] = user
                self._wait_for_boundary(now_ns)
            return False
        if user is not None and dispatcher.policy.preemptive:
            self._owed[user.pid] = user
        self._step_aside(now_ns)
        return True

    def holds_back(self, link: LinkLayer) -> bool:
        """Whether attempts on this link wait for the turn of a program, or for what their last bin brought;
        they go on after it."""
        if not self._owed:
            return self._has_bins and self._is_closing(link)
        self._aside[link.peer] = link
        return True

    def may_take_back(self, reserved: Sequence[LinkLayer], now_ns: int) -> bool:
        """Whether the qubit of these links is theirs for attempts that are over, or end with this."""
        if not reserved or any(self._is_closing(link) for link in reserved):
            return False
        return self.lend(now_ns)

    def _is_closing(self, link: LinkLayer) -> bool:
        bins = self._qnpu.netstack.bins if self._has_bins else None
        return bins is not None and bins.is_closing(link)

    def stopped(self, link: LinkLayer) -> None:
        """Attempts on a link ended because its bin did; the next begin a stretch of their own."""
        self._since.pop(link.peer, None)

    def turn_over(self, process: Process) -> None:
        """A process gave the processor up, or will not have it."""
        if self._owed.pop(process.pid, None) is not None and not self._owed:
            self._speak_again()

    def attempted(self, link: LinkLayer, answer: Attempted, now_ns: int) -> None:
        """The device's first attempt is over: it knows whether the peer attempts too."""
        self._entangling.attempted(link, answer)
        if not (link.company and link.registered):
            self._since.pop(link.peer, None)
            return
        pair = (link.registered[0].sequence, link.registered[0].pair)
        known = self._since.get(link.peer)
        if known is None or known[0] != pair:  # else it was only told again
            self._since[link.peer] = pair, now_ns - ceil(self._cycle_ns(link))
        self._wait_for_boundary(now_ns)

    def freed(self) -> None:
        """The device can be had by all who wait for it."""
        self._asked.clear()
        if self._is_timed:
            self._is_timed = False
            self._qnpu.cancel_timer(_BATCH)

    # --- batches --------------------------------------------------------------------------------------

    def _wait_for_boundary(self, now_ns: int) -> None:
        if not self._asked or self._is_timed or self._batch is None:
            return
        at_ns = self._boundary_ns(self._batch, now_ns)
        if at_ns is not None:  # else the end of the first attempt will tell
            self._is_timed = True
            self._qnpu.set_timer(_BATCH, at_ns, self._at_boundary)

    def _boundary_ns(self, batch: int, now_ns: int) -> int | None:
        """The next end of a batch, not before `now_ns`; None if no attempts are known to be under way."""
        ends = []
        for link in self._links:
            cycle_ns = self._cycle_ns(link) if link.registered and link.company else 0.0
            if cycle_ns and link.peer in self._since:
                _, since_ns = self._since[link.peer]
                length_ns = batch * cycle_ns
                count = max(ceil((now_ns - since_ns) / length_ns), 1)
                ends.append(max(since_ns + ceil(count * length_ns), now_ns))
        return min(ends, default=None)

    def _at_boundary(self, now_ns: int) -> None:
        self._is_timed = False
        waiting = [process for process in self._asked.values() if _waits_for_device(process)]
        if not waiting or self._batch is None or not self._entangling.is_taken():
            return
        if self._boundary_ns(self._batch, now_ns) != now_ns:  # other attempts began meanwhile
            self._wait_for_boundary(now_ns)
            return
        self._owed = {process.pid: process for process in waiting}
        self._step_aside(now_ns)

    def _cycle_ns(self, link: LinkLayer) -> float:
        """The time of an attempt on a link, as far as this end knows."""
        entry = link.registered[0]
        points = self._spec_links.get(link.peer, ())
        point = next((p for p in points if p.parameter == entry.parameter), points[0])
        item = link.items.get(entry.sequence)
        both_measure = entry.measure and item is not None and item.request.type == EprType.M
        return point.measure_cycle_ns if both_measure else point.cycle_ns

    # --- leaving and entering the entangling state ----------------------------------------------------

    def _step_aside(self, now_ns: int) -> None:
        self._since.clear()
        for link in self._entangling.step_aside(now_ns):
            if not self.holds_back(link):
                self._network.refresh_soon(link)

    def _speak_again(self) -> None:
        links = list(self._aside.values())
        self._aside.clear()
        for link in links:
            self._network.refresh_soon(link)


def _waits_for_device(process: Process) -> bool:
    """Whether it may wait for the device: for memory as well, where a qubit has to be moved for it."""
    wait = process.wait
    return process.state == "waiting" and wait is not None and wait.kind in ("device", "memory")

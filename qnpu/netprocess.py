"""The network process: the static kernel process that makes entanglement for all programs.

It takes the processor only to issue an operation or to take an outcome. `refresh` tells the device which
pairs it may make; a herald is taken, corrected if this end is the correcting side, and delivered to the
virtual qubit of the program that asked, or kept until one does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from netqasm_isa.epr import BELL_CORRECTIONS, BellState, EprType, LinkLayerError
from qdriver.driver import Operation
from qdriver.spec import PhysicalQubit
from qnpu.admission import UNSTATED_FIDELITY, working_point
from qnpu.delivery import Delivery
from qnpu.devicefaults import DeviceFaults
from qnpu.entangling import Entangling
from qnpu.kept import KeptPairs
from qnpu.linklayer import Bases, Item, LinkLayer, Pair
from qnpu.memory import NETWORK
from qnpu.process import Process
from qnpu.requests import (
    choose_basis,
    correct_bit,
    correctable_by_flip,
)
from qnpu.sharing import Sharing
from qnpu.traps import failure_tag
from qruntime.errors import DriverError
from qruntime.qdevice import ROTATION_GATES, Attempted, EntangleItem, Herald, OpCode, Response
from qruntime.rng import Stream

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack


class NetworkProcess:
    """Schedulable like a user process; its work is a queue of small actions."""

    is_network = True
    pid = NETWORK
    priority = 0
    deadline_ns: int | None = None
    weight = 1

    def __init__(self, qnpu: Qnpu, stack: NetworkStack, basis_stream: Callable[[], Stream]) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._settings = qnpu.settings
        self._driver = qnpu.driver
        self._memory = qnpu.memory
        self._line = qnpu.line
        self._basis_stream = basis_stream
        self.kept = KeptPairs(qnpu, stack, self)
        self.delivery = Delivery(qnpu, stack, self)
        self._spec_links = qnpu.driver.spec.links
        self.faults = DeviceFaults(self, stack)
        self.entangling: Entangling = Entangling(qnpu.driver, stack.links.values(), qnpu.device_freed)
        self.sharing = Sharing(qnpu, self, list(stack.links.values()))
        self.reset()

    def reset(self) -> None:
        """Nothing to do."""
        self.work: deque[Callable[[int], None]] = deque()
        self.performing = False
        self.arrival = 0
        self.measuring: dict[int, tuple[Item, Pair]] = {}  # by the reference that the outcome will carry
        self._pending_refresh: dict[int, None] = {}
        self.entangling.reset()
        self.sharing.reset()

    def refresh_soon(self, link: LinkLayer) -> None:
        """What can be made on this link may have changed: look again when the network process runs."""
        if link.peer not in self._pending_refresh:
            self._pending_refresh[link.peer] = None
            self.work_soon(lambda now: self._refresh(link, now))

    def memory_freed(self) -> None:
        """A qubit is free: links that starve may go on, and pairs that no qubit would take."""
        for link in self._stack.links.values():
            if link.starving:
                self._line.tries(link)
                self.refresh_soon(link)
            if self._memory.has_roles:
                for item in link.items.values():
                    if item.made and item.local is not None:
                        self._line.tries(item)
                        self.work_soon(partial(self.delivery.hand_over, item))

    def id_freed(self, process: Process) -> None:
        """A virtual id of `process` is unbound: a pair that waited for it may come."""
        for request in process.requests:
            item = request.item
            if item is not None and item.state == "queued":
                if item.made:
                    self.work_soon(partial(self.delivery.hand_over, item))
                self.refresh_soon(item.link)

    def work_soon(self, action: Callable[[int], None]) -> None:
        self.work.append(action)
        if not self.performing:
            self._qnpu.network_ready()

    def perform(self, now_ns: int) -> None:
        """The network process has the processor: do all that waits, and what that brings."""
        self.performing = True
        while self.work:
            try:
                self.work.popleft()(now_ns)
            except DriverError as error:  # a move that the driver refuses, say
                self._qnpu.device_broken(error, now_ns)
        self.performing = False

    # --- making pairs ---------------------------------------------------------------------------------

    def _refresh(self, link: LinkLayer, now_ns: int) -> None:
        """Tell the device which pairs it may make on this link."""
        self._pending_refresh.pop(link.peer, None)
        if self.sharing.holds_back(link):
            self._line.rest(link)
            return
        first = link.atomic_in_service() if len(link.items) > 1 else None
        ready = [item for item in link.items.values() if self._is_ready(item, now_ns)]
        if first is not None and (first.in_flight or first.expiring):
            ready.clear()  # it goes on in a moment, and nothing comes between
        if self._stack.bins is not None:
            ready = self._stack.bins.open_to(link, ready, now_ns)
        if len(ready) > 1:
            ready.sort(key=lambda item: (item is not first, link.order.rank(item)))
        while ready and ready[0].request.max_time_ns and (late := self._too_late(ready[0], now_ns)):
            request = ready.pop(0).local
            assert request is not None
            self._stack.fail(request, LinkLayerError.TIMEOUT, late, now_ns)
        asked = [item for item in ready if item.local is not None]
        if ready and link.qubit is None:
            link.qubit = self._reserve(link, bool(asked), now_ns)
            self.entangling.reserved(link)
        starving = bool(ready) and link.qubit is None
        if starving != link.starving:
            link.starving = starving
            self._qnpu.trace("egp", "EGP_LACKS_QUBIT" if starving else "EGP_HAS_QUBIT", NETWORK, (link.peer,))
            if not starving:
                self._line.leave(link)
        if link.starving:
            self._line.stand(link, True)
            ready = []
        elif asked and not self._memory.count_free():
            ready = asked  # the last qubit is for a program that asked
        for item in list(link.items.values()):
            if item.local is not None:
                self._stack.check_hopeless(item.local, now_ns)
        if link.starving:
            self._qnpu.check_memory_cycle(now_ns)
        entries = tuple(self._entry(item) for item in ready)
        if entries != link.registered:
            for item in ready:
                pid = NETWORK if item.local is None else item.local.process.pid
                self._qnpu.trace(
                    "qdriver", "QDEVICE_PRODUCE_ENT_CMD", pid, (link.peer, item.sequence, item.next_pair)
                )
            self.entangling.say(link, entries, now_ns)
        if not entries and link.qubit is not None:
            qubit, link.qubit = link.qubit, None
            if not any(other.qubit == qubit for other in self._stack.links.values()):
                self.discard(qubit)

    def _reserve(self, for_link: LinkLayer, claimed: bool, now_ns: int) -> PhysicalQubit | None:
        """A communication qubit for attempts, in turn with the programs that wait for qubits.

        A pair that no program has asked for gives way to one that a program has, and so does a qubit that
        can be moved. An exclusive device attempts on one link at a time, so its links share; but a pair that
        no program has asked for must not come into the last qubit there is.
        """
        while True:
            qubit = self._memory.take(NETWORK, True, self._line.spared(for_link))
            if qubit is None and self.entangling.exclusive and (claimed or self._memory.count_free()):
                reserved = (link.qubit for link in self._stack.links.values())
                qubit = next((qubit for qubit in reserved if qubit is not None), None)
            if qubit is not None or not claimed:
                return qubit
            may_move = self._qnpu.placement.matters and not self._line.is_behind(for_link)
            if may_move and self.sharing.lend(now_ns):
                qubit = self._qnpu.placement.make_room(now_ns)
            if qubit is not None or not self.kept.evict_unclaimed():
                return qubit

    # --- sharing the device ---------------------------------------------------------------------------

    def on_attempted(self, answer: Attempted, now_ns: int) -> None:
        """The device's first attempt is over: it knows whether the peer attempts too; or it is at fault."""
        link = self._stack.links[answer.peer]
        if answer.response != Response.UNKNOWN_FAILURE:
            self.sharing.attempted(link, answer, now_ns)
        elif answer.number == link.said:
            self.work_soon(lambda now: self.faults.of_link(link, answer.detail, now))

    def give_back(self, qubit: PhysicalQubit, now_ns: int) -> bool:
        """Give up a qubit that is reserved for attempts which are over; False if it is not, or they are
        not."""
        reserved = [link for link in self._stack.links.values() if link.qubit == qubit]
        if not self.sharing.may_take_back(reserved, now_ns):
            return False
        for link in reserved:
            link.qubit = None
            self.refresh_soon(link)
        self.discard(qubit)
        return True

    def _is_ready(self, item: Item, now_ns: int) -> bool:
        """Whether this end can take part in making the item's next pair."""
        if item.state != "queued" or item.expiring or item.in_flight or item.next_pair >= item.request.number:
            return False
        if item.earliest_ns > now_ns:
            return False
        if self._settings.epr_start == "both" and (item.local is None or not item.claimed_by_peer):
            return False
        request = item.local
        if request is None or not request.qubit_ids:
            return True
        if item.made:
            return False  # the pair before still waits for its id
        if any(entry.sequence == item.sequence for entry in item.link.registered):
            return True  # attempts go on if the id is bound meanwhile: the pair will wait for it
        return request.process.can_bind(request.qubit_ids[item.next_pair])

    def _too_late(self, item: Item, now_ns: int) -> str:
        """Why no attempt for an item can begin any more; empty if one can or is under way."""
        if any(entry.sequence == item.sequence for entry in item.link.registered):
            return ""
        return self._stack.too_late(item, 1, now_ns)

    def _entry(self, item: Item) -> EntangleItem:
        wanted = item.request
        if item.parameter < 0:
            points = self._spec_links.get(item.link.peer, ())
            if wanted.min_fidelity != UNSTATED_FIDELITY:
                ids = () if item.local is None else item.local.qubit_ids
                points = self._stack.estimator.points(item.link.peer, wanted.type, len(set(ids)) > 1)
            at = working_point(points, wanted.min_fidelity)
            item.parameter = 0 if at is None else at.parameter
        keep = EntangleItem(item.queue, item.sequence, item.next_pair, parameter=item.parameter)
        measures = wanted.type == EprType.M or (wanted.type == EprType.R and item.is_creator)
        if not measures:
            return keep
        if item.bases is None:
            item.bases = choose_basis(wanted, item.is_creator, self._basis_stream())
        axes, rotations, reported = item.bases
        if self._corrects(item) and not correctable_by_flip(axes, rotations, reported):
            points = self._spec_links.get(item.link.peer, ())
            if any(bell for point in points for bell in point.bell_states):
                return keep  # then correct, then measure
        assert item.link.qubit is not None
        for gate, n in zip(ROTATION_GATES[axes], rotations, strict=True):
            if n and not self._driver.has(gate, item.link.qubit):
                return keep  # and measure when the rotation has been made up of others
        return EntangleItem(item.queue, item.sequence, item.next_pair, True, axes, rotations, item.parameter)

    def _corrects(self, item: Item) -> bool:
        """Whether this end turns the item's pairs into |Phi+>."""
        side = self._settings.correcting_side
        if side == "none":
            return False
        if item.request.type == EprType.R:
            return not item.is_creator  # the creator's half is gone
        return item.is_creator == (side == "creator")

    # --- taking and delivering them -------------------------------------------------------------------

    def on_herald(self, herald: Herald) -> None:
        """The device made a pair; the network process will take it."""
        self.work_soon(lambda now: self._take(herald, now))

    def _take(self, herald: Herald, now_ns: int) -> None:
        link = self._stack.links[herald.peer]
        qubit = PhysicalQubit(herald.qubit)
        link.heard = herald.serial + 1
        link.order.served(herald.queue, herald.attempts)
        for other in self.entangling.heard(link):
            self.refresh_soon(other)
        item = link.items.get(herald.sequence)
        name = (herald.peer, herald.sequence, herald.pair)
        self._qnpu.trace("qdriver", "QDEVICE_PRODUCE_OUTCOME", NETWORK, name)
        if link.qubit != qubit or herald.number < link.reserved_said:
            self._crossed(herald, item, now_ns)
            return
        for other in self._stack.links.values():
            if other.qubit == qubit:
                other.qubit = None
        self._driver.received(qubit)
        if item is None or not self._is_awaited(herald, item):
            self.discard(qubit)  # it crossed a withdrawal, and the next item would have had the same qubit
            return
        self._accept(herald, item, qubit, now_ns)

    @staticmethod
    def _is_awaited(herald: Herald, item: Item) -> bool:
        """Whether a herald is of the next pair of its item, and no half that the peer gave up meanwhile."""
        return not item.expiring and herald.pair == item.next_pair and herald.serial >= item.void_heralds

    def _accept(self, herald: Herald, item: Item, qubit: PhysicalQubit | None, now_ns: int) -> None:
        """Take a pair for its item; `qubit` is None if it was measured and the qubit is gone."""
        item.next_pair += 1
        bases, item.bases = item.bases, None
        bell = herald.bell if self._settings.correcting_side == "none" else 0
        pair = Pair(herald.pair, qubit, bell, herald.herald_ns, herald.serial, -1, 0)
        if herald.outcome >= 0:
            assert bases is not None
            axes, rotations, pair.basis = bases
            pair.outcome = herald.outcome
            if self._corrects(item):
                pair.outcome, pair.basis = correct_bit(herald.bell, axes, rotations, pair.basis, pair.outcome)
            pair.qubit = None
            if qubit is not None:
                self.discard(qubit)
            self._made(item, pair, now_ns)
            return
        assert qubit is not None
        try:
            end = self._corrected(item, pair, herald, bases, now_ns)
        except DriverError as error:
            self.faults.of_pair(item, pair, error, now_ns)
            return
        pair.untouched_ns = max(pair.untouched_ns, end)
        if bases is not None:
            item.in_flight = True
        elif end > now_ns:
            item.in_flight = True
            timer = ("corrected", item.link.peer, herald.sequence, herald.pair)
            end = self._driver.on_grid(end)
            self._qnpu.set_timer(timer, end, lambda now: self.work_soon(lambda t: self._made(item, pair, t)))
        else:
            self._made(item, pair, now_ns)

    def _crossed(self, herald: Herald, item: Item | None, now_ns: int) -> None:
        """The qubit was given up while the herald was on its way, and may be somebody else's by now.

        An outcome is good all the same; a half that was to be kept is lost, and the peer has the other.
        """
        if item is None or item.state != "queued" or not self._is_awaited(herald, item):
            return
        if herald.outcome >= 0:
            self._accept(herald, item, None, now_ns)
            return
        reason = f"the device of {self._qnpu.node} was given to somebody else while the pair came"
        if item.local is not None and item.local.is_open:
            self._stack.fail(item.local, LinkLayerError.EXPIRE, reason, now_ns)
        else:
            self._stack.drop_item(item, LinkLayerError.EXPIRE, reason, tell_peer=True)

    def _corrected(self, item: Item, pair: Pair, herald: Herald, bases: Bases | None, now_ns: int) -> int:
        """Turn a pair into |Phi+> if that is up to this end, and measure what was kept only for that
        (`bases`); gives when the correction ends."""
        at = end = now_ns
        qubit = herald.qubit
        tag = NETWORK if item.local is None else failure_tag(item.local.process.pid)
        if herald.bell and self._corrects(item):
            for pauli in BELL_CORRECTIONS[BellState(herald.bell)]:
                at += self._settings.gate_ns
                end = self._driver.submit(Operation(OpCode.ONE_QUBIT, pauli.lower(), qubit, ref=tag), at)
        if bases is None:
            return end
        name = (herald.peer, herald.sequence, herald.pair)
        self._qnpu.trace("egp", "EGP_KEEP_THEN_MEASURE", NETWORK, name)
        axes, rotations, pair.basis = bases
        for gate, n in zip(ROTATION_GATES[axes], rotations, strict=True):
            if n:
                at += self._settings.gate_ns
                self._driver.submit(Operation(OpCode.ONE_QUBIT, gate, qubit, -1, n, 4, tag), at)
        ref = self._qnpu.processor.network_measurement(qubit, at + self._settings.measure_ns)
        self.measuring[ref] = item, pair
        return end

    def on_outcome(self, ref: int, bit: int) -> None:
        """An outcome came that no program awaits; it may be for one that is no more."""
        measured = self.measuring.pop(ref, None)
        if measured is not None:
            self.work_soon(lambda now: self._measured(*measured, bit, now))

    def _measured(self, item: Item, pair: Pair, bit: int, now_ns: int) -> None:
        qubit, pair.outcome, pair.qubit = pair.qubit, bit, None
        assert qubit is not None
        self.discard(qubit)
        self._made(item, pair, now_ns)

    def _made(self, item: Item, pair: Pair, now_ns: int) -> None:
        """A pair is ready at this end: deliver it, or keep it until somebody asks."""
        item.in_flight = False
        if item.state != "queued" or pair.index != item.next_pair - 1:  # withdrawn or given up meanwhile
            if pair.qubit is not None:
                self.discard(pair.qubit)
            return
        item.made.append(pair)
        if item.local is not None:
            self.delivery.hand_over(item, now_ns)
        elif pair.qubit is not None and len(item.made) == 1:
            timer = ("unclaimed", item.link.peer, item.sequence)
            at = now_ns + self._settings.unclaimed_timeout_ns
            self._qnpu.set_timer(timer, at, lambda now: self.kept.expire(item) if item.made else None)
        self.refresh_soon(item.link)

    # --- giving qubits up -----------------------------------------------------------------------------

    def release(self, process: Process, qubit: PhysicalQubit) -> None:
        """`process` freed a qubit (qfree)."""
        self.discard(qubit)
        self.id_freed(process)

    def discard(self, qubit: PhysicalQubit) -> None:
        """Nobody has this qubit any more."""
        self._driver.discard(qubit)
        self._memory.free(qubit)
        self._qnpu.memory_freed()

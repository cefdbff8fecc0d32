"""The network stack: entanglement requests of programs, from create_epr and recv_epr to their end.

    create, receive      what the two instructions do (they return at once)
    fail, stop           requests that end early, programs that go

A request and the item of the link's queue that serves it are two things: at the receiving end the item
comes with the peer's ADD and the request with our program's recv_epr, in either order. What QNPUs say to
each other about items is `agreement`'s, making the pairs `netprocess`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from netqasm_isa.epr import EprType, LinkLayerError
from qnpu.admission import (
    UNSTATED_FIDELITY,
    attempt_ns,
    check_feasible,
    check_results,
    qubit_ids_if_any,
    qubit_ids_of,
)
from qnpu.agreement import Agreement
from qnpu.bins import Bins
from qnpu.fidelity import Estimator
from qnpu.linklayer import Item, LinkLayer
from qnpu.linkorder import LinkOrder
from qnpu.netprocess import NetworkProcess
from qnpu.process import Process
from qnpu.quotas import check_request
from qnpu.requests import ENTRIES_PER_PAIR, Request, epr_trap, read_arguments
from qnpu.traps import Trap, trap
from qruntime.errors import EprError, Fault, QuotaError
from qruntime.messages import LinkRequest
from qruntime.rng import Stream

if TYPE_CHECKING:
    from qnpu.main import Qnpu


class NetworkStack:
    """All entanglement requests of one node, and its ends of the queues of its links."""

    def __init__(self, qnpu: Qnpu, peers: Mapping[int, str], basis_stream: Callable[[], Stream]) -> None:
        self._qnpu = qnpu
        self._settings = qnpu.settings
        self._driver = qnpu.driver
        self._memory = qnpu.memory
        settings = qnpu.settings
        self.links = {
            peer: LinkLayer(
                qnpu.node_id, peer, actor, LinkOrder(settings.link_scheduler, tuple(settings.link_weights)),
                qnpu.neighbours.is_lossy(peer),
            )
            for peer, actor in peers.items()
        }  # fmt: skip
        self.estimator = Estimator(qnpu.driver, settings)
        self.process = NetworkProcess(qnpu, self, basis_stream)
        self.bins = None if qnpu.bins is None else Bins(qnpu, self, qnpu.bins)
        self.agreement = Agreement(qnpu, self)
        self.reset()

    def reset(self) -> None:
        """Nothing asked, nothing promised."""
        for link in self.links.values():
            link.reset()
        self.process.reset()
        if self.bins is not None:
            self.bins.reset()
        self.receives: dict[
            tuple[int, int, int], deque[Request]
        ] = {}  # (peer, own socket, remote socket) -> recv_epr without an item
        self._next_create_id = 0

    # --- requests of our programs ---------------------------------------------------------------------

    def create(
        self, process: Process, peer: int, socket: int, ids: int, args: int, results: int, now_ns: int
    ) -> None:
        """create_epr: check the request and put it on its way.

        Raises `Trap` if it can never be met.
        """
        socket += process.first_socket
        link, remote_socket, socket_fidelity = self._socket(process, peer, socket)
        arguments = process.arrays.get(args)
        if arguments is None:
            raise trap(f"there is no arguments array @{args}")
        create_id = self._next_create_id
        wanted = read_arguments(arguments, create_id, socket, remote_socket, socket_fidelity)
        keeps = wanted.type == EprType.K
        qubit_ids = qubit_ids_of(process, ids, wanted.number, len(self._memory.owners)) if keeps else []
        check_results(process, results, wanted.number)
        if wanted.min_fidelity != UNSTATED_FIDELITY or wanted.max_time_ns:
            reach = self.estimator.points(peer, wanted.type, len(set(qubit_ids)) > 1)
            check_feasible(wanted, reach, self._name(peer), self._qnpu.neighbours.latency_ns(peer))
        self._next_create_id += 1
        request = self._open(
            process, True, peer, socket, remote_socket, wanted.number, qubit_ids, results, create_id, now_ns
        )
        item = Item(link, wanted, is_creator=True)
        item.local = request
        request.item = item
        item.earliest_ns = now_ns + self._settings.request_ns
        if link.backlog:
            _take_turns(link, item, process)
        else:
            link.backlog.append(item)
        self.arm_timeout(request, wanted.max_time_ns)
        self.agreement.pump(link)

    def receive(self, process: Process, peer: int, socket: int, ids: int, results: int, now_ns: int) -> None:
        """recv_epr: offer to take part in the peer's request on this socket."""
        socket += process.first_socket
        link, remote_socket, _ = self._socket(process, peer, socket)
        array = process.arrays.get(results)
        if array is None or not array or len(array) % ENTRIES_PER_PAIR:
            raise trap(f"results array @{results} must have {ENTRIES_PER_PAIR} entries per pair")
        number = len(array) // ENTRIES_PER_PAIR
        check_results(process, results, number)
        qubit_ids = qubit_ids_if_any(process, ids, number, len(self._memory.owners))
        request = self._open(
            process, False, peer, socket, remote_socket, number, qubit_ids, results, -1, now_ns
        )
        item = self._unclaimed_item(link, socket, remote_socket)
        if item is not None:
            self._match(item, request, now_ns)
        else:
            self.receives.setdefault((peer, socket, remote_socket), deque()).append(request)
        if request.is_open:
            self.arm_timeout(request, 0)

    def _socket(self, process: Process, peer: int, socket: int) -> tuple[LinkLayer, int, int]:
        link = self.links.get(peer)
        if link is None:
            reach = ", ".join(self._name(known) for known in self.links) or "none"
            who = "itself" if peer == self._qnpu.node_id else self._name(peer)
            raise epr_trap(
                "CREATE", f"{self._qnpu.node} has no link to {who}; it has links to: {reach}", peer=peer
            )
        found = process.sockets.get(socket)
        if found is None or found[0] != peer:
            own = socket - process.first_socket
            raise epr_trap("CREATE", f"the program has no open EPR socket {own} to {self._name(peer)}")
        if self.bins is not None:
            self.bins.refuse_if_hopeless(process, peer, self._qnpu.now_ns)
        return link, found[1], found[2]

    def _open(
        self, process: Process, is_creator: bool, peer: int, socket: int, remote_socket: int, number: int,
        qubit_ids: list[int], results: int, create_id: int, now_ns: int,
    ) -> Request:  # fmt: skip
        try:
            check_request(process, peer, number, is_creator)
        except QuotaError as error:
            raise Trap(error) from None
        request = Request(
            process, create_id, is_creator, peer, socket, remote_socket, number, qubit_ids, results, now_ns
        )
        process.requests.append(request)
        process.open_arrays[results] = process.open_arrays.get(results, 0) + 1
        process.failed.pop(results, None)
        self._qnpu.trace(
            "egp", "EGPD_CREATE" if is_creator else "EGPD_RECEIVE", process.pid, (peer, socket, number)
        )
        return request

    def close(self, request: Request) -> None:
        process = request.process
        request.is_open = False
        process.requests.remove(request)
        count = process.open_arrays[request.results_address] - 1
        if count:
            process.open_arrays[request.results_address] = count
        else:
            del process.open_arrays[request.results_address]
        self._qnpu.cancel_timer(("request", request.process.pid, request.results_address))

    def arm_timeout(self, request: Request, max_time_ns: int) -> None:
        limit = self._settings.request_timeout_ns
        if max_time_ns:
            limit = min(limit, max_time_ns)
        timer = ("request", request.process.pid, request.results_address)
        self._qnpu.set_timer(timer, request.started_ns + limit, lambda now: self._timed_out(request, now))

    def too_late(self, item: Item, pairs: int, now_ns: int) -> str:
        """Why so many pairs more cannot be made before the creator's time limit; empty if they can."""
        request, limit_ns = item.local, item.request.max_time_ns
        if request is None or not item.is_creator or not limit_ns:
            return ""
        left_ns = request.started_ns + limit_ns - now_ns
        points = self._driver.spec.links.get(item.link.peer, ())
        needed_ns = pairs * attempt_ns(item.request, points)
        if needed_ns <= left_ns:
            return ""
        left = f"{left_ns} ns of its max time {limit_ns} ns are left"
        return f"{left}; {pairs} more with {self._name(request.peer)} take at least {needed_ns:g} ns"

    def _timed_out(self, request: Request, now_ns: int) -> None:
        if not request.is_open:
            return
        waited_ms = (now_ns - request.started_ns) / 1e6
        peer = self._name(request.peer)
        item = request.item
        if item is None or (
            item.is_creator and not item.claimed_by_peer and self._settings.epr_start == "both"
        ):
            asked = "recv_epr" if request.is_creator else "create_epr"
            reason = f"no program on {peer} asked for the other half ({asked}) within {waited_ms:g} ms"
        else:
            reason = (
                f"{request.delivered} of {request.number} pairs with {peer} were made within {waited_ms:g} ms"
            )
        reason += "; what limits it is max_time_ns or os.qnpu.request_timeout_ns"
        self.fail(request, LinkLayerError.TIMEOUT, reason, now_ns)

    # --- requests that end early ----------------------------------------------------------------------

    def fail(
        self,
        request: Request,
        error: int,
        reason: str,
        now_ns: int,
        tell_peer: bool = True,
        tell_program: bool = True,
    ) -> None:
        """End a request early: its arrays fail, its program is told, and the peer if it knows of it."""
        if not request.is_open:
            return
        self.close(request)
        item = request.item
        if item is None:
            waiting = self.receives.get((request.peer, request.socket, request.remote_socket))
            if waiting is not None and request in waiting:
                waiting.remove(request)
        else:
            self.drop_item(item, error, reason, tell_peer)
        arguments = item.request if item is not None else None
        if arguments is not None and (arguments.atomic or arguments.consecutive):
            self._free_delivered(request)
            request.delivered = 0
        name = LinkLayerError(error).name
        text = f"{name}: {reason}; delivered={request.delivered}"
        data: dict[str, int | str] = {
            "epr": name, "delivered": request.delivered, "number": request.number,
            "peer": self._name(request.peer), "socket": request.socket,
        }  # fmt: skip
        fault = Fault.of(EprError(text, **data))
        process = request.process
        process.failed[request.results_address] = fault
        self._qnpu.trace(
            "egp", "EGP_ERROR", process.pid, (request.peer, request.socket, name, request.delivered)
        )
        if tell_program:
            self._qnpu.request_failed(process, request, fault)

    def drop_item(self, item: Item, error: int, reason: str, tell_peer: bool) -> None:
        """Take an item out of the queue, with the pairs nobody has got yet."""
        for pair in item.made:
            if pair.qubit is not None:
                self.process.discard(pair.qubit)
        item.made.clear()
        link = item.link
        self.agreement.fall_silent(item)
        self._qnpu.cancel_timer(("unclaimed", link.peer, item.sequence))
        if item.state == "backlog":
            link.backlog.remove(item)
            item.move("withdraw")
        elif item.state == "adding":
            item.withdrawn = (error, reason)  # the ACK will tell which place to withdraw
            link.items.pop(item.sequence, None)
        elif item.state == "queued":
            link.remove(item, "withdraw")
            if tell_peer:
                self.agreement.withdraw(item, error, reason)
        self.process.refresh_soon(link)

    def _free_delivered(self, request: Request) -> None:
        process = request.process
        for binding in request.pairs_bound:
            if self._memory.is_current(binding):
                del process.virtual[binding.virtual]
                self.process.release(process, binding.qubit)

    def process_aborted(self, process: Process, reason: str, now_ns: int) -> None:
        """A subroutine of `process` was aborted: its undelivered requests end at both ends."""
        for request in list(process.requests):
            self.fail(request, LinkLayerError.REJECTED, reason, now_ns, tell_program=False)

    def stop(self, process: Process, now_ns: int) -> None:
        """`process` is gone: withdraw its requests and what came in for its sockets."""
        reason = f"program {process.app} on {self._qnpu.node} ended"
        for request in list(process.requests):
            self.fail(request, LinkLayerError.REJECTED, reason, now_ns, tell_program=False)
        orphans = False
        for socket, (peer, remote_socket, _) in process.sockets.items():
            self.receives.pop((peer, socket, remote_socket), None)
            link = self.links.get(peer)
            orphans |= link is not None and self._unclaimed_item(link, socket, remote_socket) is not None
        if orphans:
            # not before what came with the end: another process of the program may open the same sockets
            timer = ("orphans", process.owner, process.pid)
            self._qnpu.set_timer(timer, now_ns, lambda _now_ns: self._drop_orphans(process, reason))

    def _drop_orphans(self, process: Process, reason: str) -> None:
        """Withdraw what came in for sockets of a process that is gone, unless somebody has them now."""
        for socket, (peer, remote_socket, _) in process.sockets.items():
            link = self.links.get(peer)
            while (
                link is not None and (item := self._unclaimed_item(link, socket, remote_socket)) is not None
            ):
                if self.agreement.has_socket(peer, item.request):
                    break
                self.drop_item(item, LinkLayerError.REJECTED, reason, tell_peer=True)

    def check_hopeless(self, request: Request, now_ns: int) -> None:
        """NORES at once for a process that waits for a request which only its own qubits block."""
        process = request.process
        item = request.item
        wait = process.wait
        if process.state != "waiting" or wait is None or wait.address != request.results_address:
            return
        upcoming = request.delivered  # pairs are handed over in order
        if item is not None and request.qubit_ids and upcoming < request.number:
            virtual = request.qubit_ids[upcoming]
            if not process.can_bind(virtual):
                held = len(process.virtual)
                reason = f"cannot come while the program waits and holds {held} qubits, as many as it may"
                if virtual in process.virtual:
                    reason = f"goes to virtual qubit {virtual}, which the program holds while it waits"
                self.fail(request, LinkLayerError.NORES, f"pair {upcoming} {reason}", now_ns)
                return
        lacking = self.process.kept.lacks(request)
        if (item is None or not item.made) and self._memory.leaves_none_for_pairs(process.pid):
            lacking = self._memory.wanted(True)  # whoever asks at the other end
        if lacking and {self._qnpu.holders()[qubit] for qubit in lacking} == {process.pid}:
            reason = "the program holds every qubit of the device while it waits for a pair"
            if self._memory.has_roles:
                reason = "the program holds the qubits that a pair could come into while it waits for one"
            self.fail(request, LinkLayerError.NORES, reason, now_ns)

    # --- creators and receivers meet -----------------------------------------------------------------

    def join(self, item: Item, request: Request) -> None:
        """Our program's request is the other half of this item."""
        item.local = request
        request.item = item
        if item.request.type == EprType.M and request.qubit_ids:
            request.qubit_ids = []  # nothing will be bound: whoever waits for that must look again
            self._qnpu.results_changed(request.process)

    def mismatch(self, request: Request, wanted: LinkRequest) -> str:
        """Why a receive does not fit a create, empty if it does."""
        if request.number != wanted.number:
            return f"the creator asks for {wanted.number} pairs, the receiver for {request.number}"
        if wanted.type != EprType.M and not request.qubit_ids:
            return f"the creator keeps or prepares qubits, the receiver gave no {wanted.number} qubit ids"
        return ""

    def _match(self, item: Item, request: Request, now_ns: int) -> None:
        """Our program asks for the pairs of an item that is already queued."""
        fault = self.mismatch(request, item.request)
        self.join(item, request)
        if fault:
            self.fail(request, LinkLayerError.OTHER, fault, now_ns)
            return
        self.agreement.claim(item)
        self._qnpu.cancel_timer(("unclaimed", item.link.peer, item.sequence))
        if item.made:
            self.process.work_soon(lambda now: self.process.delivery.hand_over(item, now))
        self.process.refresh_soon(item.link)

    def _unclaimed_item(self, link: LinkLayer, socket: int, remote_socket: int) -> Item | None:
        """The first item of the peer for that socket of ours that no program here has asked for."""
        for item in link.items.values():  # those of one socket are in the order of their ADDs
            if item.is_creator or item.local is not None:
                continue
            if (item.request.remote_socket, item.request.socket) == (socket, remote_socket):
                return item
        return None

    def _name(self, node: int) -> str:
        return self._qnpu.neighbours.name(node)


def _take_turns(link: LinkLayer, item: Item, process: Process) -> None:
    """Put an item into the backlog of a link, where programs take turns: the second item of one comes after
    the first ones of all. Those under way count."""
    before: dict[int, int] = {}
    for other in link.outstanding.values():
        if other.local is not None:
            before[other.local.process.pid] = before.get(other.local.process.pid, 0) + 1
    had = dict(before)
    owners = [other.local.process.pid for other in link.backlog if other.local is not None]
    for pid in owners:
        had[pid] = had.get(pid, 0) + 1
    turn = had.get(process.pid, 0) + 1
    for place, pid in enumerate(owners):
        before[pid] = before.get(pid, 0) + 1
        if before[pid] > turn:
            link.backlog.insert(place, item)
            return
    link.backlog.append(item)

"""Delivery: handing pairs that are ready to the programs that asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netqasm_isa.epr import EprType
from qnpu.linklayer import Item
from qnpu.memory import Binding
from qnpu.requests import ENTRIES_PER_PAIR, keep_result, measure_result

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qnpu.netprocess import NetworkProcess
    from qnpu.netstack import NetworkStack


class Delivery:
    """The part of the network process that writes results."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack, network: NetworkProcess) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._network = network
        self._memory = qnpu.memory
        self._line = qnpu.line

    def hand_over(self, item: Item, now_ns: int) -> None:
        """Hand over the pairs of an item in order, as far as their virtual ids are free."""
        request = item.local
        if request is None or item.state != "queued":
            self._line.leave(item)
            return
        process = request.process
        array = process.arrays[request.results_address]
        bound = lacks_place = False
        while item.made:
            pair = item.made[0]
            if pair.qubit is None:
                entries = measure_result(
                    item.request.type, item.request.create_id, pair.outcome, pair.basis, item.is_creator,
                    pair.serial, request.socket, item.link.peer, now_ns - request.started_ns, pair.bell,
                )  # fmt: skip
                event = "EGP_ENM_OK"
            else:
                virtual = request.qubit_ids[pair.index]
                if not process.can_bind(virtual):
                    break
                binding = self._memory.bind(process, virtual, pair.qubit, pair.untouched_ns)
                if not self._is_in_place(binding, item, now_ns):
                    self._memory.unbind(binding)
                    lacks_place = True
                    self._line.stand(item, self._memory.role_of(process, virtual))
                    break
                request.pairs_bound.append(binding)
                bound = True
                entries = keep_result(
                    item.request.type, item.request.create_id, virtual, item.is_creator, pair.serial,
                    request.socket, item.link.peer, now_ns - request.started_ns, pair.herald_ns, pair.bell,
                )  # fmt: skip
                event = "EGP_ENT_OK"
            item.made.popleft()
            array[pair.index * ENTRIES_PER_PAIR : (pair.index + 1) * ENTRIES_PER_PAIR] = entries
            request.delivered += 1
            name = (item.link.peer, item.sequence, pair.index, pair.serial)
            self._qnpu.trace("egp", event, process.pid, name)
            self._qnpu.notes.delivered(process, item.link.peer, pair)
        if not lacks_place:
            self._line.leave(item)
        if bound and self._memory.has_roles:
            self._qnpu.memory_freed()  # it can be moved now, for those who need the place where it is
        self._qnpu.results_changed(process)
        if request.delivered == request.number:
            self._stack.close(request)
            if item.claimed_by_peer or item.request.type == EprType.M:
                item.link.remove(item, "finish")
            else:
                self._stack.agreement.linger(item, now_ns)  # its pairs may still come back
        elif bound:
            self._network.refresh_soon(item.link)  # the next one was not to be made before
        for other in list(process.requests):
            self._stack.check_hopeless(other, now_ns)
        self._qnpu.check_memory_cycle(now_ns)

    def _is_in_place(self, binding: Binding, item: Item, now_ns: int) -> bool:
        """Whether a pair is in a qubit of the role that a program in the device's own flavour asked for, or
        could be moved there."""
        role = self._memory.role_of(binding.process, binding.virtual)
        if role is None or role == self._memory.communication[binding.qubit]:
            return True
        if self._line.is_behind(item):
            return False
        placement = self._qnpu.placement
        move = placement.fetch if role else placement.put_away
        while self._network.sharing.lend(now_ns):
            if move(binding, now_ns):
                return True
            if not self._network.kept.evict_unclaimed(memory=not role):
                return False
        return False

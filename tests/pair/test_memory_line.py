"""Qubits go to those who wait for one in the order in which they began to wait."""

from __future__ import annotations

from typing import Any

import pytest

from netqasm_isa import assemble
from qdriver.generic import GenericConfig
from qnpu.memory import Binding, MemoryManager
from qnpu.process import Process
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.actors import Message
from qruntime.messages import Aborted, Done, Register, Submit
from tests.pair.harness import Bench, keep, lines, noiseless_nv, receive

POLICIES: dict[str, dict[str, Any]] = {
    "qnodeos": {},
    "round_robin": {"quantum_ns": 8_000},
    "edf": {},
    "fair_share": {"min_slice_ns": 8_000},
}
UNTIL_NS = 3_000_000
VICTIM = "set Q0 {v}\nqalloc Q0\ninit Q0\nqfree Q0\nset R0 1\nret_reg R0"
LOOP = "set Q0 {v}\nAGAIN:\nqfree Q0\nqalloc Q0\ninit Q0\njmp AGAIN"  # it holds one whenever it stops
HOLD = "set Q0 {v}\nqalloc Q0\ninit Q0"


def generic(num_qubits: int) -> GenericConfig:
    return GenericConfig(num_qubits=num_qubits, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)


def settings(policy: str) -> QnpuSettings:
    return QnpuSettings(
        scheduler=policy, scheduler_options=POLICIES[policy], gate_ns=300, measure_ns=500,
        quotas=Quotas(instruction_budget=100),
    )  # fmt: skip


class Crowd:
    """One node on which some processes take and free a qubit for ever; who got one is in `grants`."""

    def __init__(self, policy: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.bench = Bench(**{"nodes": ("alice",), **options}, settings=settings(policy))
        self.grants: list[tuple[int, int]] = []  # when, pid
        self.ahead: list[tuple[list[Any], int]] = []  # of those in line: who was before it, what it left free
        self._loops: dict[int, bytes] = {}
        bind, alice = MemoryManager.bind, self.bench.qnpus[0]

        def spy(memory: MemoryManager, process: Process, *place: Any, **more: Any) -> Binding:
            if memory is alice.memory:
                self.grants.append((alice.now_ns, process.pid))
                line = [place.who for place in alice.line.places]
                if line:
                    ahead = line[: line.index(process)] if process in line else line
                    self.ahead.append((ahead, memory.count_free()))
            return bind(memory, process, *place, **more)

        monkeypatch.setattr(MemoryManager, "bind", spy)
        self.bench.cnpus[0].on_message = self._again

    def _again(self, message: Message, now_ns: int) -> list[Message]:
        if not isinstance(message, Aborted) or message.pid not in self._loops:
            return []
        assert message.fault.data.get("quota") == "instruction_budget", message.fault.message
        return [Submit(message.pid, message.subroutine + 1, self._loops[message.pid])]

    def loops(self, pid: int, virtual: int = 0, flavour: str = "vanilla", first: str = HOLD) -> None:
        texts = [text.format(v=virtual) for text in (first, LOOP)]
        self.bench.program(0, pid, *texts, flavour=flavour, peers=())
        self._loops[pid] = assemble(texts[1], flavour=flavour).encode()

    def comes(self, pid: int, text: str, at_ns: int, flavour: str = "vanilla") -> None:
        self.bench.at(0, at_ns, Register(pid, f"p{pid}", 3, flavour))
        self.bench.submit(0, pid, 0, text, at_ns, flavour)

    def overtook(self, pid: int, since_ns: int) -> list[int]:
        """Who got a qubit between then and when `pid` had its first."""
        first = [who for _, who in self.grants].index(pid)
        return [who for t, who in self.grants[:first] if t > since_ns]


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("loops", [1, 3])
@pytest.mark.parametrize("device", ["generic", "electron", "carbon"])
def test_loop_that_frees_and_takes_overtakes_who_waits_at_most_once(
    policy: str, device: str, loops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    flavour = "vanilla" if device == "generic" else "nv"
    virtual = int(device == "carbon")
    crowd = Crowd(policy, monkeypatch, device=generic(1) if device == "generic" else noiseless_nv(2))
    for pid in range(10, 10 + loops):
        crowd.loops(pid, virtual, flavour)
    crowd.comes(1, VICTIM.format(v=virtual), 50_000, flavour)
    bench = crowd.bench.run(until_ns=UNTIL_NS)
    assert [message.pid for message in bench.cnpus[0].done if message.pid == 1] == [1]
    began_ns = next(emit.t_ns for emit in bench.emits("PROCESSOR_WAIT_USER_PROCESS") if emit.pid == 1)
    overtook = crowd.overtook(1, began_ns)
    assert len(overtook) == len(set(overtook)) <= loops
    shares = [sum(who == pid for _, who in crowd.grants) for pid in range(10, 10 + loops)]
    assert min(shares) > 10 and max(shares) - min(shares) <= 1


def test_two_qubits_go_round_as_one_does(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(policy, monkeypatch, device=generic(2))
    for pid in range(10, 15):
        crowd.loops(pid)
    crowd.bench.run(until_ns=UNTIL_NS)
    assert crowd.ahead, "nobody ever had to wait"
    assert all(len(ahead) <= free for ahead, free in crowd.ahead), (
        "what one took was not left for those ahead"
    )
    shares = [sum(who == pid for _, who in crowd.grants) for pid in range(10, 15)]
    assert min(shares) > max(shares) / 2, "holds are not of one length, but nobody is left behind"


def test_who_waits_for_the_electron_does_not_hold_up_who_takes_carbons(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(policy, monkeypatch, device=noiseless_nv(2))
    crowd.bench.program(0, 5, HOLD.format(v=0), flavour="nv", peers=())  # and never gives it back
    crowd.comes(1, VICTIM.format(v=0), 50_000, "nv")
    crowd.loops(10, 1, "nv")
    crowd.bench.run(until_ns=UNTIL_NS)
    assert not any(who == 1 for _, who in crowd.grants)
    assert sum(who == 10 and t > 100_000 for t, who in crowd.grants) > 50


def test_measuring_where_the_electron_is_taken_and_freed_for_ever(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program whose qubit has to come to the electron waits in the same line."""
    crowd = Crowd(policy, monkeypatch, device=noiseless_nv(3))
    crowd.loops(10, 0, "nv")
    crowd.comes(1, "set Q0 0\nqalloc Q0\nmeas Q0 M0\nqfree Q0\nret_reg M0", 50_000)
    bench = crowd.bench.run(until_ns=UNTIL_NS)
    assert [message.pid for message in bench.cnpus[0].done if message.pid == 1] == [1]
    assert sum(who == 10 for _, who in crowd.grants) > 50


def test_pairs_without_end_and_a_program_take_turns(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One program has pairs made as fast as they come, the other takes and frees: each gets on."""
    crowd = Crowd(policy, monkeypatch, nodes=("alice", "bob"), device=generic(1))
    pairs = 60
    again = "set Q0 0\nqfree Q0"
    for number in range(pairs):
        text = lines(keep(results=3 * number), again)
        mirror = lines(receive(results=3 * number), again)
        if number == 0:
            crowd.bench.program(0, 5, text).program(1, 5, mirror)
            continue
        crowd.bench.submit(0, 5, number, text).submit(1, 5, number, mirror)
    crowd.comes(10, VICTIM.format(v=0), 0)
    for number in range(1, pairs):
        crowd.bench.submit(0, 10, number, VICTIM.format(v=0))
    bench = crowd.bench.run()
    assert not bench.cnpus[0].faults
    assert len([m for m in bench.cnpus[0].got if isinstance(m[1], Done)]) == 2 * pairs
    order = "".join("p" if who == 5 else "t" for _, who in crowd.grants)
    assert sorted(order) == sorted("pt" * pairs)
    while_both = order[: min(order.rindex("p"), order.rindex("t"))]
    assert max(len(run) for run in while_both.split("t")) <= 2
    assert max(len(run) for run in while_both.split("p")) <= 3


def test_pairs_of_one_request_do_not_overtake_a_program_that_waits(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network process runs first, and would have the qubit for the next pair as soon as it is free."""
    crowd = Crowd(policy, monkeypatch, nodes=("alice", "bob"), device=generic(1))
    pairs = 60
    each = "\n".join(f"wait_all @0[{10 * k}:{10 * k + 10}]\nset Q0 0\nqfree Q0" for k in range(pairs))
    crowd.bench.program(0, 5, lines(keep(ids=(0,) * pairs, wait=False, ret=False), each))
    crowd.bench.program(1, 5, lines(receive(ids=(0,) * pairs, wait=False, ret=False), each))
    crowd.comes(1, VICTIM.format(v=0), 20_500)
    bench = crowd.bench.run()
    assert not bench.cnpus[0].faults and len(crowd.grants) == pairs + 1
    assert crowd.overtook(1, 20_500) == [5]
    assert crowd.grants[-1][1] == 5


def test_program_that_takes_and_frees_does_not_starve_a_pair(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(policy, monkeypatch, nodes=("alice", "bob"), device=generic(1))
    crowd.loops(10)
    crowd.bench.program(0, 5, lines(keep(), "set Q0 0\nqfree Q0"), at_ns=50_000)
    crowd.bench.program(1, 5, receive(), at_ns=50_000)
    bench = crowd.bench.run(until_ns=UNTIL_NS)
    assert [message.pid for message in bench.cnpus[0].done if message.pid == 5] == [5]
    assert sum(who == 10 for _, who in crowd.grants) > 50

"""Links whose classical messages get lost: what is said again, what is given up, and that nothing is lost or
delivered twice."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest

from netqasm_isa.epr import ArgsIndex, EprType, KeepIndex, MeasureIndex
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qruntime.messages import (
    Aborted,
    Done,
    LinkAck,
    LinkAdd,
    LinkClaim,
    LinkExpire,
    LinkExpireAck,
    LinkReject,
    LinkWithdraw,
    Message,
)
from qruntime.rng import Stream
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    BOTH_STARTS,
    MILLISECOND_NS,
    SECOND_NS,
    Bench,
    assert_quiet,
    assert_same_order,
    bits_of,
    create,
    epr_error,
    keep,
    lines,
    measure,
    noiseless_nv,
    only_fault,
    pairs_of,
    read_out,
    receive,
)

LATENCY_NS = 1_000
PAIR_NS = 500
RETRY_NS = 3 * 2 * LATENCY_NS
DEVICE = GenericConfig(num_qubits=16, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)
NEVER = 1e-12  # a loss that switches the machinery on and hits nothing


def lossy(loss: float = NEVER, **options: Any) -> Bench:
    return Bench(
        links={(0, 1): PerfectLink(delay_ns=PAIR_NS)},
        device=DEVICE,
        loss=loss,
        latency_ns=LATENCY_NS,
        **options,
    )


def sent(bench: Bench, cls: type[Message], node: int = 0) -> list[int]:
    """When messages of a kind were sent, those that got lost included."""
    name = cls.__name__
    found = [e.t_ns for e in bench.emits("LINK_MSG_SENT", node) if e.data[1] == name]
    return sorted(found + [e.t_ns for e in bench.emits("LINK_MSG_LOST", node) if e.data[1] == name])


def lose(bench: Bench, node: int, *which: tuple[type[Message], int]) -> None:
    """Of the messages that `node` sends lose the n-th of a kind, counted from 0; -1: all of it."""
    qnpu = bench.qnpus[node]
    counts: Counter[str] = Counter()
    send = qnpu.send_peer

    def send_peer(actor: str, peer: int, message: Any) -> None:
        name = type(message).__name__
        counts[name] += 1
        hit = any(cls.__name__ == name and n in (-1, counts[name] - 1) for cls, n in which)
        qnpu.neighbours.loses = lambda _peer: hit  # type: ignore[method-assign]
        send(actor, peer, message)

    qnpu.send_peer = send_peer  # type: ignore[method-assign]


def one_request(bench: Bench, creator: int = 0) -> Bench:
    return bench.program(creator, 1, keep(1 - creator)).program(1 - creator, 1, receive(creator)).run()


# --- ADD and its answers ----------------------------------------


@pytest.mark.parametrize("creator", [0, 1])
@pytest.mark.parametrize("culprit", ["add", "ack"])
@pytest.mark.parametrize("times", [1, 2])
def test_lost_add_or_ack_is_made_good_by_saying_it_again(creator: int, culprit: str, times: int) -> None:
    bench = lossy()
    if culprit == "add":
        lose(bench, creator, *((LinkAdd, n) for n in range(times)))
    else:
        lose(bench, 1 - creator, *((LinkAck, n) for n in range(times)))
    one_request(bench, creator)
    adds = sent(bench, LinkAdd, creator)
    assert adds == [n * RETRY_NS for n in range(times + 1)]
    assert len(sent(bench, LinkAck, 1 - creator)) == (1 if culprit == "add" else times + 1)
    for node in (0, 1):
        (pair,) = pairs_of(bench.cnpus[node].done[0])
        assert pair[KeepIndex.SEQUENCE_NUMBER] == 0
    assert not bench.qnpus[0]._timers and not bench.qnpus[1]._timers


@pytest.mark.parametrize("creator", [0, 1])
@pytest.mark.parametrize("culprit", ["add", "ack"])
def test_add_without_any_answer_is_timeout_at_both_ends_after_three_attempts(
    creator: int, culprit: str
) -> None:
    bench = lossy(settings=QnpuSettings(request_timeout_ns=MILLISECOND_NS))
    lose(bench, *((creator, (LinkAdd, -1)) if culprit == "add" else (1 - creator, (LinkAck, -1))))
    one_request(bench, creator)
    assert sent(bench, LinkAdd, creator) == [0, RETRY_NS, 2 * RETRY_NS]
    assert bench.cnpus[creator].time_of(Aborted) == 3 * RETRY_NS
    assert epr_error(bench, creator) == epr_error(bench, 1 - creator) == "TIMEOUT"
    other = bench.nodes[1 - creator]
    assert f"{other} did not answer the request, which was sent 3 times" in only_fault(bench, creator).message
    told = bench.cnpus[1 - creator].time_of(Aborted)
    assert told == (MILLISECOND_NS if culprit == "add" else 3 * RETRY_NS + LATENCY_NS)
    bench.stop(0, 1, 2 * MILLISECOND_NS).stop(1, 1, 2 * MILLISECOND_NS).run()
    assert_quiet(bench)


@pytest.mark.parametrize("creator", [0, 1])
def test_number_of_an_abandoned_add_is_free_again_when_the_peer_knows(creator: int) -> None:
    bench = lossy(settings=QnpuSettings(request_timeout_ns=MILLISECOND_NS))
    lose(bench, creator, *((LinkAdd, n) for n in range(3)))
    bench.program(creator, 1, keep(1 - creator))
    bench.submit(creator, 1, 1, keep(1 - creator, results=6), at_ns=5 * RETRY_NS)
    bench.program(1 - creator, 1, receive(creator)).run()
    assert bench.cnpus[creator].of(Aborted)[0].subroutine == 0
    assert bench.cnpus[creator].done[0].subroutine == 1
    assert bench.cnpus[1 - creator].done, "the receiver takes part in the second request"
    bench.stop(0, 1, SECOND_NS).stop(1, 1, SECOND_NS).run()
    assert_quiet(bench)


def test_lost_reject_is_said_again() -> None:
    bench = lossy(settings=QnpuSettings(accept_grace_ns=0))
    lose(bench, 1, (LinkReject, 0))
    bench.program(0, 1, keep()).run()
    assert epr_error(bench) == "REJECTED"
    assert bench.cnpus[0].time_of(Aborted) == RETRY_NS + 2 * LATENCY_NS


@pytest.mark.parametrize("lost", [(), ((LinkAck, 0),)])
def test_add_that_waits_for_its_socket_is_no_timeout(lost: tuple[tuple[type[Message], int], ...]) -> None:
    opened_ns = 50 * RETRY_NS
    bench = lossy()
    lose(bench, 1, *lost)
    bench.program(0, 1, keep()).program(1, 1, receive(), at_ns=opened_ns).run()
    assert bench.cnpus[1].time_of(Done) > opened_ns
    assert len(bench.cnpus[0].done) == 1
    assert len(sent(bench, LinkAdd)) <= 8, "it asks ever more rarely"


def test_master_answers_the_slave_only_when_its_own_older_add_is_known_to_have_come() -> None:
    bench = lossy()
    lose(bench, 0, (LinkAdd, 0))
    for creator, socket in ((0, 1), (1, 2)):
        at_ns = creator * 100
        ask = measure(1 - creator, socket=socket)
        bench.program(creator, socket, ask, socket=socket, at_ns=at_ns)
        offer = receive(creator, None, number=1, socket=socket)
        bench.program(1 - creator, socket, offer, socket=socket, at_ns=at_ns)
    bench.run()
    (answered,) = sent(bench, LinkAck, 0)
    assert answered == RETRY_NS + 2 * LATENCY_NS, "when its own ADD, said again, was acknowledged"
    assert all(len(cnpu.done) == 2 for cnpu in bench.cnpus)
    assert len(sent(bench, LinkAdd, 1)) <= 2


def test_link_that_loses_nothing_has_no_receipts_and_no_timers() -> None:
    bench = Bench(links={(0, 1): PerfectLink()}, latency_ns=LATENCY_NS)
    bench.program(0, 1, keep()).program(1, 1, receive(), at_ns=MILLISECOND_NS).run()
    said = Counter(str(e.data[1]) for e in bench.emits("LINK_MSG_SENT"))
    assert said == {"LinkAdd": 1, "LinkAck": 1, "LinkClaim": 1}
    assert not any(link.answers for qnpu in bench.qnpus for link in qnpu.netstack.links.values())


# --- what else must arrive ----------------------------------------


def test_lost_claim_is_said_again() -> None:
    bench = lossy()
    lose(bench, 1, (LinkClaim, 0), (LinkClaim, 1))
    asked_ns = 5_000
    bench.program(0, 1, keep()).program(1, 1).submit(1, 1, 0, receive(), at_ns=asked_ns).run()
    assert sent(bench, LinkClaim, 1) == [asked_ns + n * RETRY_NS for n in range(3)]
    assert bench.cnpus[0].time_of(Done) == asked_ns + 2 * RETRY_NS + LATENCY_NS + PAIR_NS


def test_claim_that_comes_before_the_slave_knows_what_it_is_about_is_said_again() -> None:
    bench = lossy(settings=QnpuSettings(request_timeout_ns=MILLISECOND_NS))
    lose(bench, 0, (LinkAck, 0))
    bench.program(1, 1, keep(0)).program(0, 1).submit(0, 1, 0, receive(1), at_ns=LATENCY_NS + 1).run()
    assert len(bench.cnpus[0].done) == len(bench.cnpus[1].done) == 1


@pytest.mark.parametrize("creator", [0, 1])
def test_lost_withdrawal_is_said_again(creator: int) -> None:
    bench = lossy()
    lose(bench, creator, (LinkWithdraw, 0))
    ask = measure(1 - creator, 1000)
    bench.program(creator, 1, ask).program(1 - creator, 1, receive(creator, None, number=1000))
    stopped_ns = 20_000
    bench.stop(creator, 1, stopped_ns).run()
    assert epr_error(bench, 1 - creator) == "REJECTED"
    assert bench.cnpus[1 - creator].time_of(Aborted) == stopped_ns + RETRY_NS + LATENCY_NS
    bench.stop(1 - creator, 1, MILLISECOND_NS).run()
    assert_quiet(bench)


@pytest.mark.parametrize("lost", [LinkExpire, LinkExpireAck])
def test_pair_that_was_given_up_is_made_again_though_a_word_about_it_got_lost(lost: type[Message]) -> None:
    timeout_ns = 50_000
    bench = lossy(settings=QnpuSettings(epr_start="create", unclaimed_timeout_ns=timeout_ns))
    lose(bench, 1 if lost is LinkExpire else 0, (lost, 0))
    late_ns = MILLISECOND_NS // 10
    bench.program(0, 1, keep()).program(1, 1).submit(1, 1, 0, receive(), at_ns=late_ns).run()
    assert len(sent(bench, LinkExpire, 1)) == 2
    serials = [[emit.data[3] for emit in bench.emits("EGP_ENT_OK", node)] for node in (0, 1)]
    assert serials == [[0, 1], [1]]


def test_item_whose_claim_never_comes_is_forgotten_in_the_end() -> None:
    bench = lossy(settings=QnpuSettings(epr_start="create", unclaimed_timeout_ns=50_000))
    lose(bench, 1, (LinkClaim, -1))
    bench.program(0, 1, keep()).program(1, 1).submit(1, 1, 0, receive(), at_ns=10_000)
    bench.stop(0, 1, SECOND_NS).stop(1, 1, SECOND_NS).run()
    assert len(bench.cnpus[0].done) == len(bench.cnpus[1].done) == 1
    assert len(bench.emits("LINK_GIVES_UP", 1)) == 1
    assert_quiet(bench)


# --- the whole, under any loss ----------------------------------------

REQUESTS = 8
END_NS = 200 * MILLISECOND_NS
TYPED = ("TIMEOUT", "REJECTED", "EXPIRE")


class Asked(NamedTuple):
    """A request of the load; `keeps` says for each node whether it has qubits of it."""

    creator: int
    number: int
    keeps: tuple[bool, bool]


class Load:
    """Requests of all kinds in both directions, drawn from a seed, each by programs of its own."""

    def __init__(self, bench: Bench, seed: int) -> None:
        stream = Stream(seed)
        self.bench = bench
        self.asked: dict[int, Asked] = {}
        for pid in range(1, REQUESTS + 1):
            creator, kind, number = stream.bits() % 2, EprType(stream.bits() % 3), 1 + stream.bits() % 3
            ends = (kind == EprType.K, kind != EprType.M)  # creator, receiver
            self.asked[pid] = asked = Asked(creator, number, ends if creator == 0 else ends[::-1])
            args = {ArgsIndex.PRIORITY: stream.bits() % 3, ArgsIndex.ATOMIC: stream.bits() % 2}
            for node in (0, 1):
                ids = tuple(range(number)) if asked.keeps[node] else None
                if node == creator:
                    text = create(kind, 1 - node, ids=ids, number=number, socket=pid, args=args)
                else:
                    text = receive(1 - node, ids, number=number, socket=pid)
                reading = [read_out(i, f"M{i}") for i in ids or ()]
                at_ns = stream.bits() % 40_000
                bench.program(node, pid, lines(text, *reading), socket=pid, at_ns=at_ns)
                bench.stop(node, pid, END_NS)

    def check(self, twins: bool) -> int:
        """Every request ended, in the same pairs at both ends or in errors; gives how many were served.

        With `twins` the ends must agree on which.
        """
        served = 0
        for pid, asked in self.asked.items():
            ends = [self._end(node, pid) for node in (0, 1)]
            for end in ends:
                if isinstance(end, Aborted):
                    assert end.fault.code == "EPR" and end.fault.data["epr"] in TYPED, end
            done = [end for end in ends if isinstance(end, Done)]
            assert len(done) != 1 or not twins, (pid, ends)
            if len(done) == 2:
                served += 1
                mine, theirs = (self._pairs(node, asked, done[node]) for node in (0, 1))
                assert mine == theirs, "halves of different pairs"
                assert len(mine) == len({serial for serial, _ in mine}) == asked.number
        self._no_pair_twice()
        return served

    def _end(self, node: int, pid: int) -> Done | Aborted:
        ends = [m for _, m in self.bench.cnpus[node].got if isinstance(m, Done | Aborted) and m.pid == pid]
        assert len(ends) == 1, f"program {pid} of node {node} ended {len(ends)} times"
        return ends[0]

    def _pairs(self, node: int, asked: Asked, done: Done) -> list[tuple[int | None, int | None]]:
        """Number of the herald, and outcome in Z, of each pair."""
        if asked.keeps[node]:
            serials = [pair[KeepIndex.SEQUENCE_NUMBER] for pair in pairs_of(done)]
            return list(zip(serials, bits_of(done), strict=True))
        indices = (MeasureIndex.SEQUENCE_NUMBER, MeasureIndex.MEASUREMENT_OUTCOME)
        return [(pair[indices[0]], pair[indices[1]]) for pair in pairs_of(done)]

    def _no_pair_twice(self) -> None:
        """No herald was delivered twice at a node, and both nodes mean the same pair by it."""
        names: dict[int, tuple[int, int]] = {}
        for node in (0, 1):
            given = [*self.bench.emits("EGP_ENT_OK", node), *self.bench.emits("EGP_ENM_OK", node)]
            serials = [int(emit.data[3]) for emit in given]
            assert len(serials) == len(set(serials))
            for emit in given:
                name = (int(emit.data[1]), int(emit.data[2]))
                assert names.setdefault(int(emit.data[3]), name) == name


def run_load(loss: float, latency_ns: int, seed: int, start: str, scheduler: str, jitter_ns: int = 0) -> int:
    settings = QnpuSettings(
        epr_start=start,  # type: ignore[arg-type]
        link_scheduler=scheduler,  # type: ignore[arg-type]
        request_timeout_ns=50 * MILLISECOND_NS,
        unclaimed_timeout_ns=5 * MILLISECOND_NS,
        accept_grace_ns=MILLISECOND_NS,
    )
    link = DepolariseLink(fidelity=1, success_probability=0.3, cycle_ns=700)
    bench = Bench(
        links={(0, 1): link}, device=DEVICE, settings=settings, seed=seed, loss=loss, latency_ns=latency_ns,
        jitter_ns=jitter_ns, jitter_seed=seed,
    )  # fmt: skip
    assert_same_order(bench)
    load = Load(bench, seed)
    bench.run()
    assert_quiet(bench)
    return load.check(twins=start == "both")


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("loss", [NEVER, 0.05, 0.2, 0.4, 0.6])
def test_nothing_is_lost_or_delivered_twice_whatever_gets_lost(start: str, loss: float) -> None:
    served = 0
    for seed in range(6):
        for latency_ns in (0, 1_000, 100_000):
            scheduler = ("fifo", "strict_priority", "weighted_fair")[seed % 3]
            served += run_load(loss, latency_ns, seed, start, scheduler, jitter_ns=latency_ns * (seed % 2))
    least = {NEVER: 1.0, 0.05: 0.98, 0.2: 0.85, 0.4: 0.5, 0.6: 0.15}[loss]
    assert served >= least * 6 * 3 * REQUESTS, served


@pytest.mark.slow
@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("loss", [0.01, 0.1, 0.3, 0.5, 0.6])
def test_nothing_is_lost_or_delivered_twice_in_a_long_sweep(start: str, loss: float) -> None:
    for seed in range(100, 220):
        scheduler = ("fifo", "strict_priority", "weighted_fair")[seed % 3]
        latency_ns = (0, 300, 5_000, 400_000)[seed % 4]
        run_load(loss, latency_ns, seed, start, scheduler, jitter_ns=latency_ns * (seed % 5) // 4)


def test_losses_are_the_same_every_time_and_differ_from_shot_to_shot() -> None:
    def lost(bench: Bench, shot: int) -> list[tuple[int, str]]:
        bench.run(shot)
        return [(emit.t_ns, str(emit.data[1])) for emit in bench.emits("LINK_MSG_LOST")]

    def fresh() -> Bench:
        bench = lossy(0.4, seed=3)
        Load(bench, 3)
        return bench

    bench = fresh()
    shots = [lost(bench, shot) for shot in range(3)]
    assert [lost(fresh(), shot) for shot in range(3)] == shots
    assert shots[0] != shots[1] != shots[2]


@pytest.mark.parametrize("loss", [0.1, 0.4])
@pytest.mark.parametrize("device", ["generic", "nv"])
def test_requests_in_a_row_on_one_socket_keep_their_order_whatever_gets_lost(
    loss: float, device: str
) -> None:
    """Five requests in both directions: the n-th that both ends served is the same for both."""
    rounds, served = 5, 0
    hardware = DEVICE if device == "generic" else noiseless_nv(4)
    for seed in range(12):
        settings = QnpuSettings(request_timeout_ns=5 * MILLISECOND_NS, accept_grace_ns=MILLISECOND_NS)
        bench = Bench(
            links={(0, 1): DepolariseLink(fidelity=1, success_probability=0.5, cycle_ns=900)},
            device=hardware, settings=settings, seed=seed, loss=loss, latency_ns=2_000,
        )  # fmt: skip
        for pid, creator in ((1, 0), (2, 1)):
            for number in range(rounds):
                options: Any = {"socket": pid, "results": 6 * number}
                ask, offer = measure(1 - creator, **options), receive(creator, None, number=1, **options)
                if number == 0:
                    bench.program(creator, pid, ask, socket=pid).program(1 - creator, pid, offer, socket=pid)
                else:
                    at_ns = number * 10 * MILLISECOND_NS
                    bench.submit(creator, pid, number, ask, at_ns).submit(
                        1 - creator, pid, number, offer, at_ns
                    )
            bench.stop(0, pid, END_NS).stop(1, pid, END_NS)
        bench.run()
        assert_quiet(bench)
        for pid in (1, 2):
            ends: list[dict[int, tuple[int | None, ...]]] = []
            for cnpu in bench.cnpus:
                over = [m for m in cnpu.of(Done) + cnpu.of(Aborted) if m.pid == pid]
                assert sorted(m.subroutine for m in over) == list(range(rounds))
                done = [m for m in over if isinstance(m, Done)]
                ends.append({m.subroutine: tuple(pairs_of(m, 6 * m.subroutine)[0]) for m in done})
            assert ends[0].keys() == ends[1].keys()
            for number, pair in ends[0].items():
                served += 1
                for index in (MeasureIndex.SEQUENCE_NUMBER, MeasureIndex.MEASUREMENT_OUTCOME):
                    assert pair[index] == ends[1][number][index]
    assert served > (100 if loss < 0.3 else 50)

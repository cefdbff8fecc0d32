"""Random workloads on NV centres, alone and mixed with other devices.

Nothing raises, hangs, leaks or mixes up owners, and no program's qubits are disturbed by what is done for
others.
"""

from __future__ import annotations

import random

import pytest

from netqasm_isa.epr import EprType, MeasureIndex
from qdriver.generic import GenericConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted, Done, Stop
from qworld.links import DepolariseLink, Link, PerfectLink
from tests.pair.harness import (
    Bench,
    DeviceParameters,
    assert_quiet,
    keep,
    measure,
    noiseless_nv,
    pairs_of,
    prepare,
    receive,
)
from tests.pair.test_fuzz import random_calls, watch

LINKS: list[Link] = [
    PerfectLink(delay_ns=2_000),
    PerfectLink(delay_ns=0),
    DepolariseLink(fidelity=1, success_probability=0.05, cycle_ns=700, random_bell_state=True),
]


def random_bench(
    rng: random.Random, seed: int, request_timeout_ns: int = 300_000, accept_grace_ns: int = 40_000
) -> Bench:
    """One to four nodes in a line, a star or all linked, mostly NV centres of one to four qubits."""
    nodes = ("alice", "bob", "charlie", "diana")[: rng.choice((2, 2, 3, 3, 4))]
    n = len(nodes)
    shape = rng.choice(("line", "star", "full"))
    pairs = {
        "line": [(i, i + 1) for i in range(n - 1)],
        "star": [(0, i) for i in range(1, n)],
        "full": [(a, b) for a in range(n) for b in range(a + 1, n)],
    }[shape]
    model = rng.choice(LINKS)
    tick_ns = rng.choice((0, 0, 1_000))
    carbon_ns = rng.choice((500, 5_000, 50_000))
    slow = ("carbon_init_ns", "carbon_rot_xy_ns", "carbon_rot_z_ns", "electron_carbon_ns")
    mov = rng.choice(("directed", "cnots"))

    def device() -> DeviceParameters:
        qubits = rng.choice((1, 2, 2, 3, 4))
        if rng.random() < 0.2:
            return GenericConfig(
                num_qubits=qubits, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0, tick_ns=tick_ns
            )
        return noiseless_nv(qubits, tick_ns=tick_ns, mov=mov, **dict.fromkeys(slow, carbon_ns))

    settings = QnpuSettings(
        epr_start=rng.choice(["both", "create"]),
        correcting_side=rng.choice(["receiver", "creator"]),
        gate_ns=rng.choice((0, 500)),
        measure_ns=rng.choice((0, 500)),
        request_ns=rng.choice((0, 3_000)),
        request_timeout_ns=request_timeout_ns,
        unclaimed_timeout_ns=50_000,
        accept_grace_ns=accept_grace_ns,
        quotas=Quotas(instruction_budget=500),
    )
    return Bench(
        nodes, dict.fromkeys(pairs, model), settings=settings, seed=seed,
        devices={i: device() for i in range(n)},
        latency_ns=rng.choice((0, 300, 2_000)), cnpu_latency_ns=rng.choice((0, 100)),
        jitter_ns=rng.choice((0, 5_000)), jitter_seed=seed, rank_seed=rng.choice((None, seed)),
        tracing=False,
    )  # fmt: skip


# --- system calls in any order ----------------------------------------


def check_interleaving(seed: int, count: int = 60) -> Bench:
    rng = random.Random(seed)
    bench = random_bench(rng, seed)
    random_calls(rng, bench, count, rng.choice((20_000, 200_000, 1_000_000)))
    watch(bench)
    bench.run(seed)
    assert_quiet(bench)
    for cnpu in bench.cnpus:
        assert not [fault for fault in cnpu.faults if fault.code == "DRIVER" and "pairs" not in fault.message]
    return bench


@pytest.mark.parametrize("block", range(3))
def test_random_orders_of_system_calls_keep_the_invariants_on_nv_centres(block: int) -> None:
    """60 runs of 60 calls, seeds 0 to 59 (78 and 132 once went on without end)."""
    for seed in (*range(20 * block, 20 * block + 20), 78, 132):
        check_interleaving(seed)


@pytest.mark.slow
def test_many_random_orders_of_system_calls_keep_the_invariants_on_nv_centres() -> None:
    """4000 runs, seeds from 10000."""
    for seed in range(10_000, 14_000):
        check_interleaving(seed, 90)


# --- programs that check themselves ----------------------------------------

GATES = (
    ("rot_x {q} 5 4", "rot_x {q} 27 4"),
    ("rot_y {q} 9 4", "rot_y {q} 23 4"),
    ("rot_z {q} 3 4", "rot_z {q} 29 4"),
)
LONG_NS = 2_000_000_000  # nothing of what runs here takes as long


class Script:
    """Texts for the two ends of one program, and what has to come out.

    `needs` is the most qubits that each end holds at once.
    """

    def __init__(self, nodes: tuple[int, ...], texts: list[str], needs: list[int], agree: str) -> None:
        self.nodes = nodes
        self.texts = texts
        self.needs = needs
        self.agree = agree  # zeros: every bit of a local program; same: bits of the ends pairwise
        self.flavours = ["vanilla"] * len(nodes)


def shuffled(rng: random.Random, lines_of: list[str]) -> list[str]:
    """Those lines in any order."""
    return rng.sample(lines_of, len(lines_of))


def local_script(rng: random.Random, node: int, nv: bool) -> Script:
    """Prepares a state of one to three qubits, lets time pass, un-prepares it: all zero."""
    count = rng.choice((1, 2) if nv else (1, 2, 2, 3))
    ids = rng.sample(range(4), count)
    if nv:
        ids = [0, 1][:count]
    do, undo = [], []
    for k in range(count):
        do += [f"set Q{k} {ids[k]}", f"qalloc Q{k}", f"init Q{k}"]
    for _ in range(rng.randrange(8)):
        if count > 1 and rng.random() < 0.5:
            a, b = (0, 1) if nv else rng.sample(range(count), 2)
            if nv:
                there, back = f"crot_x Q{a} Q{b} 5 4", f"crot_x Q{a} Q{b} 27 4"
            else:
                there = back = rng.choice((f"cnot Q{a} Q{b}", f"cphase Q{a} Q{b}"))
        else:
            there, back = (gate.format(q=f"Q{rng.randrange(1)}") for gate in rng.choice(GATES))
        do.append(there)
        undo.insert(0, back)
    wait = [f"set R0 0\nset R1 {rng.randrange(60)}\nset R2 1\nWAIT:\nadd R0 R0 R2\nblt R0 R1 WAIT"]
    read = [f"meas Q{k} M{k}\nqfree Q{k}\nret_reg M{k}" for k in range(count)]
    if not nv:
        read = shuffled(rng, read)
    script = Script((node,), ["\n".join(do + wait + undo + read)], [count], "zeros")
    script.flavours = ["nv" if nv else "vanilla"]
    return script


def pair_script(rng: random.Random, a: int, b: int, socket: int, nv: tuple[bool, bool]) -> Script:
    """Pairs, rotated alike at both ends and measured: the same bits.

    In the NV flavour the last pair stays in the electron, and is measured first.
    """
    number = rng.choice((1, 1, 2, 3))
    kind = rng.choice((EprType.K, EprType.K, EprType.K, EprType.M, EprType.R))
    if kind == EprType.M:
        texts = [measure(b, number, socket=socket), receive(a, None, number=number, socket=socket)]
        return Script((a, b), texts, [1, 1], "same")
    sequential = number > 1 and rng.random() < 0.5
    bases = [rng.choice((None, "rot_y {q} 8 4")) for _ in range(number)]
    texts, needs = [], []
    for end in (0, 1):
        if end == 0 and kind == EprType.R:
            texts.append(prepare(b, number, socket=socket))
            needs.append(1)
            continue
        first = 0 if nv[end] else rng.randrange(3)
        ids = [first] * number if sequential else [first + k for k in range(number)]
        if nv[end]:
            ids = ids[1:] + ids[:1]
        ask = keep(b, ids, socket=socket, wait=False, ret=False)
        if end:
            ask = receive(a, ids, socket=socket, wait=False, ret=False)
        lazily = rng.random() < 0.3 and number == 1
        halves = []
        for k in range(number):
            wait = "" if lazily else f"wait_all @0[{10 * k}:{10 * k + 10}]\n"
            gate = bases[k].format(q="Q0") + "\n" if bases[k] and kind == EprType.K else ""
            spare = "\nx Q0\nx Q0" if rng.random() < 0.3 and not nv[end] else ""
            halves.append(f"{wait}set Q0 {ids[k]}{spare}\n{gate}meas Q0 M{k}\nqfree Q0")
        if not sequential:
            all_of = [f"wait_all @0[0:{10 * number}]"] if nv[end] or rng.random() < 0.5 else []
            halves = all_of + (halves[::-1] if nv[end] else shuffled(rng, halves))
        out = [f"ret_reg M{k}" for k in range(number)]
        texts.append("\n".join([ask, *halves, *out]))
        needs.append(1 if sequential else number)
    script = Script((a, b), texts, needs, "same")
    script.flavours = ["nv" if end else "vanilla" for end in nv]
    return script


def bits_of_end(done: Done) -> list[int]:
    """Bits of a program: its registers, or the outcomes in its results array."""
    if done.registers:
        return [value for _, value in done.registers]
    return [int(pair[MeasureIndex.MEASUREMENT_OUTCOME] or 0) for pair in pairs_of(done)]


def scripts_for(rng: random.Random, bench: Bench, count: int) -> list[Script]:
    """Random programs on a network, NV flavour among them."""
    links = list(bench.world._links)
    scripts = []
    for pid in range(1, count + 1):
        if rng.random() < 0.4:
            node = rng.randrange(len(bench.nodes))
            scripts.append(local_script(rng, node, is_nv(bench, node) and rng.random() < 0.4))
        else:
            a, b = rng.sample(rng.choice(links), 2)
            nv = (is_nv(bench, a) and rng.random() < 0.3, is_nv(bench, b) and rng.random() < 0.3)
            scripts.append(pair_script(rng, a, b, pid, nv))
    return scripts


def is_nv(bench: Bench, node: int) -> bool:
    """Whether that node has an NV centre."""
    return bench.qnpus[node].driver.spec.kind == "nv"


def start(rng: random.Random, bench: Bench, scripts: list[Script], horizon_ns: int) -> None:
    """Each script is one program, its number the pid at every end; it stops when it is through."""
    for pid, script in enumerate(scripts, start=1):
        for end, node in enumerate(script.nodes):
            at_ns = rng.choice((0, 0, rng.randrange(horizon_ns)))
            peers = [n for n in script.nodes if n != node]
            bench.program(
                node,
                pid,
                script.texts[end],
                peers=peers,
                at_ns=at_ns,
                socket=pid,
                flavour=script.flavours[end],
            )
    for cnpu in bench.cnpus:
        cnpu.on_message = lambda message, now_ns: (
            [Stop(message.pid)] if isinstance(message, Done | Aborted) else []
        )


def check_results(bench: Bench, scripts: list[Script]) -> int:
    """Bits are right wherever both ends got any; gives the number of programs that did."""
    ended = [{done.pid: done for done in cnpu.done} for cnpu in bench.cnpus]
    fine = 0
    for pid, script in enumerate(scripts, start=1):
        done = [ended[node].get(pid) for node in script.nodes]
        if None in done:
            continue
        bits = [bits_of_end(one) for one in done if one is not None]
        if script.agree == "zeros":
            assert not any(bits[0]), f"program {pid}: {bits}"
        else:
            assert bits[0] == bits[1], f"program {pid}: {bits}"
        fine += 1
    return fine


def fits(bench: Bench, scripts: list[Script]) -> bool:
    """Whether all programs together never want more qubits than there are."""
    needs = [0] * len(bench.nodes)
    for script in scripts:
        for node, need in zip(script.nodes, script.needs, strict=True):
            needs[node] += need
    return all(need <= len(qnpu.memory.owners) for need, qnpu in zip(needs, bench.qnpus, strict=True))


def check_programs(seed: int) -> int:
    """Random programs on a random network: right wherever they end; all end if there are qubits enough."""
    rng = random.Random(seed)
    while True:
        bench = random_bench(rng, seed, request_timeout_ns=LONG_NS, accept_grace_ns=LONG_NS)
        scripts = scripts_for(rng, bench, rng.randrange(1, 7))
        if fits(bench, scripts) or rng.random() < 0.1:
            break
    start(rng, bench, scripts, rng.choice((1, 20_000, 200_000)))
    watch(bench)
    bench.run(seed)
    assert_quiet(bench)
    fine = check_results(bench, scripts)
    if fits(bench, scripts):
        faults = [fault for cnpu in bench.cnpus for fault in cnpu.faults]
        assert not faults, faults[0].message
        assert fine == len(scripts)
        assert bench.kernel.now_ns < LONG_NS, "somebody ran into the request timeout"
    return fine


@pytest.mark.parametrize("block", range(3))
def test_programs_that_share_nv_centres_all_come_out_right(block: int) -> None:
    """240 networks with up to six programs, seeds 0 to 239."""
    fine = sum(check_programs(seed) for seed in range(80 * block, 80 * block + 80))
    assert fine > 100


@pytest.mark.parametrize("seed", [5831, 20047, 25823])
def test_seeds_that_once_went_wrong_come_out_right(seed: int) -> None:
    """A pair that waited for a qubit and the one after it; heralds for an electron that was lent."""
    assert check_programs(seed)


@pytest.mark.slow
def test_many_programs_that_share_nv_centres_all_come_out_right() -> None:
    """10000 networks, seeds from 20000."""
    for seed in range(20_000, 30_000):
        check_programs(seed)

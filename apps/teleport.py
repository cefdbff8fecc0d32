"""Teleportation: Alice sends the state of a qubit to Bob with one entangled pair and two classical bits.

Alice prepares |psi> = Rz(phi) Ry(theta)|0>, entangles it with her half of a pair by CNOT and H, and measures
both qubits. Her outcomes (m1, m2) tell Bob which of the four Pauli-rotated copies of |psi> his half holds:
X if m2, then Z if m1, restores it (Bennett et al., PRL 70, 1895, 1993).

Fidelity is measured as an experiment would: Bob undoes the preparation, Ry(-theta) Rz(-phi), and measures. He
reads 0 with probability F = <psi|rho|psi>. With a Werner pair of fidelity F_pair and perfect devices,
F = (2 F_pair + 1)/3 for every input; `expected` multiplies out the channels of gates, idle times, link and
readout as well.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from cnpu import Node, Qubit, rotations_of


async def alice(node: Node, theta: float = 0.3, phi: float = 1.1) -> dict[str, Any]:
    """Prepare Rz(phi) Ry(theta)|0> and send it."""
    bob = node.socket("bob")
    qubit = Qubit(node)
    qubit.rot_Y(angle=theta)
    qubit.rot_Z(angle=phi)
    (half,) = node.epr("bob").create_keep()
    qubit.cnot(half)
    qubit.H()
    m1, m2 = qubit.measure(), half.measure()
    await node.flush()
    bob.send((int(m1), int(m2), theta, phi))
    return {"m1": int(m1), "m2": int(m2)}


async def bob(node: Node) -> dict[str, Any]:
    """Receive the state, undo its preparation and measure: 0 means that it arrived."""
    (half,) = node.epr("alice").recv_keep()
    await node.flush()
    m1, m2, theta, phi = await node.socket("alice").recv()
    if m2:
        half.X()
    if m1:
        half.Z()
    half.rot_Z(angle=-phi)
    half.rot_Y(angle=-theta)
    outcome = half.measure()
    await node.flush()
    return {"outcome": int(outcome)}


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Fidelity: whether Bob found the state that Alice prepared."""
    return {"fidelity": results["bob"]["outcome"] == 0}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """The fidelity that the configured channels give, for generic devices and a link that heralds Werner
    pairs.

    Follows the timeline of the two programs: what idles, for how long, under which noise. None outside that
    domain, where the timeline is random (jitter, shared cores, attempts that may succeed while Alice still
    prepares on a device that decoheres), or where classical instructions cost time.
    """
    pair_fidelity = facts.werner_fidelity("alice", "bob")
    if pair_fidelity is None or facts.network.testing.jitter_ns:
        return None
    devices = [facts.device(role) for role in ("alice", "bob")]
    if any(facts.kind(role) != "generic" or facts.device(role).tick_ns for role in ("alice", "bob")):
        return None
    if facts.link("alice", "bob").bell_states != (0,) or facts.os.cnpu.cores is not None:
        return None
    if facts.os.qnpu.classical_instruction_ns:
        return None
    theta, phi = inputs["alice"]["theta"], inputs["alice"]["phi"]
    fidelity = 0.0
    for m1, m2 in itertools.product((0, 1), repeat=2):
        branch = _branch(facts, devices[0], devices[1], pair_fidelity, theta, phi, m1, m2)
        if branch is None:
            return None
        fidelity += branch
    return {"fidelity": fidelity}


def _decoheres(*devices: Any) -> bool:
    """Whether any of the devices loses its state while idle."""
    return any(
        0 < t_ns < math.inf
        for device in devices
        for t_ns in (device.t1_ns, device.t2_ns, device.depolarise_ns)
    )


def _branch(
    facts: Any, a: Any, b: Any, pair_fidelity: float, theta: float, phi: float, m1: int, m2: int
) -> float | None:
    """Probability of the outcomes (m1, m2) and of Bob reading 0 after them; None if there is no one
    timeline."""
    link = facts.link("alice", "bob")
    cnpu, qnpu, latency = facts.os.cnpu, facts.os.qnpu, facts.os.latency
    peers_ns = facts.network.qnpu_latency_ns(facts.placement["alice"], facts.placement["bob"])
    message_ns = facts.network.cnpu_latency_ns(facts.placement["alice"], facts.placement["bob"])
    gate, one, two = qnpu.gate_ns, a.single_qubit_gate_ns, a.two_qubit_gate_ns
    lab = facts.lab()

    # Alice prepares from time 0 on. Gates are issued every `gate` ns and queue on the device.
    preparation = [("y", *nd) for nd in rotations_of(theta)] + [("z", *nd) for nd in rotations_of(phi)]
    qubit = lab.qubit()
    lab.depolarise(a.init_depolarise, qubit)
    end = gate + a.init_ns
    for place, (axis, n, d) in enumerate(preparation, start=2):
        lab.idle(qubit, max(place * gate - end, 0), a)
        end = max(place * gate, end) + one
        lab.rotation(axis, n * math.pi / 2**d, qubit, a)
    request = gate * (1 + len(preparation))

    # Attempts begin when the peer has agreed; the qubit idles for their random number, then on.
    attempts_ns = request + max(2 * peers_ns, qnpu.request_ns)
    if attempts_ns + link.cycle_ns < end and _decoheres(a, b):
        return None  # a herald may find the device still preparing: the timeline would depend on when
    if facts.network.schedule is not None and _decoheres(a, b):
        return None  # how long the qubit waits for its bin depends on when the schedule has one
    lab.idle(qubit, attempts_ns - end, a)
    lab.idle_attempts(qubit, link.cycle_ns, link.success_probability, a)
    half_a, half_b = lab.werner_pair(pair_fidelity)
    cnot = gate  # times from here on are since the herald
    lab.idle(qubit, cnot, a)
    lab.idle(half_a, cnot, a)
    lab.gate("cnot", qubit, half_a, noise=a)
    hadamard = max(2 * gate, cnot + two)
    lab.idle(qubit, hadamard - cnot - two, a)
    lab.gate("h", qubit, noise=a)
    first = max(2 * gate + qnpu.measure_ns, hadamard + one)
    lab.idle(qubit, first - hadamard - one, a)
    lab.project(qubit, m1, a)
    second = first + a.measure_ns + qnpu.measure_ns
    lab.idle(half_a, second - cnot - two, a)
    lab.project(half_a, m2, a)

    # The outcomes travel up, across and down; Bob's half has idled since the herald.
    arrival = (
        second + a.measure_ns + qnpu.subroutine_ns + latency.cnpu_qnpu_ns + cnpu.after_result_ns
        + message_ns + cnpu.after_message_ns + cnpu.submit_ns + latency.cnpu_qnpu_ns
    )  # fmt: skip
    undo = [("z", *nd) for nd in rotations_of(-phi)] + [("y", *nd) for nd in rotations_of(-theta)]
    corrections = ["x"] * m2 + ["z"] * m1
    last = 0.0
    steps: list[tuple[str, int, int]] = [*((pauli, 1, 0) for pauli in corrections), *undo]
    for place, (axis, n, d) in enumerate(steps, start=1):
        start = max(arrival + place * gate, last)
        lab.idle(half_b, start - last, b)
        last = start + b.single_qubit_gate_ns
        lab.rotation(axis, n * math.pi / 2**d, half_b, b)  # a Pauli is a turn by pi
    measure = max(arrival + len(steps) * gate + qnpu.measure_ns, last)
    lab.idle(half_b, measure - last, b)
    lab.project(half_b, 0, b)
    probability: float = lab.probability()
    return probability

"""A CNOT between two nodes: Alice's qubit controls a NOT on Bob's, without either qubit travelling.

The gate costs one entangled pair and one classical bit each way (Eisert, Jacobs, Papadopoulos, Plenio, PRA
62, 052317, 2000):

    Alice   control --*--                 Z^k -- measure
                      |                    |
            half    --X-- measure m        |
            half'   ------------- X^m --*------ H -- measure k
                                        |
    Bob     target  --------------------X------------- measure

Alice copies her control onto her half of the pair and measures it; with her bit m Bob's half holds the copy,
and he uses it as the control of a CNOT of his own. Measuring that half in the X basis erases the copy, up to
a phase that Alice undoes with Bob's bit k.

How good is the gate? Two truth tables bound it (Hofmann, PRL 94, 160504, 2005). In each shot both qubits
start as random states of one basis: of Z, where CNOT adds the control to the target, or of X, where it adds
the target to the control. With F_Z and F_X the fractions of right answers, the process fidelity lies between
F_Z + F_X - 1 and the smaller of both.

A Werner pair of parameter w = (4F-1)/3 puts X on the target and Z on the control, each with probability
(1-w)/2. So F_Z = F_X = (1+w)/2 = (2F+1)/3, and the process fidelity is F itself.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node, Qubit

BASES = ("Z", "X")


async def alice(node: Node, basis: str = "random") -> dict[str, Any]:
    """Hold the control. `basis` of the truth table to take: Z, X or random."""
    if basis not in (*BASES, "random"):
        raise ValueError(f"basis is {basis!r}; allowed: Z, X, random")
    if basis == "random":
        basis = node.rng.choice(BASES)
    bob = node.socket("bob")
    bob.send(basis)
    bit, control = prepare(node, basis)
    (half,) = node.epr("bob").create_keep()
    control.cnot(half)
    m = half.measure()
    await node.flush()
    bob.send(m)
    if await bob.recv():
        control.Z()
    outcome = control.measure(basis=basis)
    await node.flush()
    return {"basis": basis, "prepared": bit, "outcome": outcome}


async def bob(node: Node) -> dict[str, Any]:
    """Hold the target."""
    alice = node.socket("alice")
    basis = await alice.recv()
    bit, target = prepare(node, basis)
    (half,) = node.epr("alice").recv_keep()
    await node.flush()
    if await alice.recv():
        half.X()
    half.cnot(target)
    k = half.measure(basis="X")
    outcome = target.measure(basis=basis)
    await node.flush()
    alice.send(k)
    return {"prepared": bit, "outcome": outcome}


def prepare(node: Node, basis: str) -> tuple[int, Qubit]:
    """A random state of a basis, and the bit that says which of the two it is."""
    bit = node.rng.randrange(2)
    qubit = Qubit(node)
    if bit:
        qubit.X()
    if basis == "X":
        qubit.H()
    return bit, qubit


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool | None]:
    """Whether both bits came out right, in the table of Z and in that of X."""
    control, target = results["alice"]["prepared"], results["bob"]["prepared"]
    outcomes = results["alice"]["outcome"], results["bob"]["outcome"]
    if results["alice"]["basis"] == "Z":
        return {"fidelity_z": outcomes == (control, control ^ target), "fidelity_x": None}
    return {"fidelity_z": None, "fidelity_x": outcomes == (control ^ target, target)}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """F_Z = F_X = (2F+1)/3 for a Werner or perfect link and devices without noise, None otherwise."""
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    return {"fidelity_z": (2 * fidelity + 1) / 3, "fidelity_x": (2 * fidelity + 1) / 3}

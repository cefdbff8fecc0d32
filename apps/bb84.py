"""BB84: Alice and Bob agree on a secret key that nobody can have copied on its way.

Alice sends qubits, each in one of the states |0>, |1> (basis Z) or |+>, |-> (basis X), drawn at random. Bob
measures each in Z or X, also at random. Then they tell each other their bases, but not their bits, and keep
the rounds in which the bases agree: half of them on average (*sifting*). They reveal a random half of the
kept bits to count errors; what is left is the key. Whoever listened in has caused errors, because a state
cannot be measured without knowing its basis (Bennett and Brassard, Proc. IEEE Int. Conf. Computers, Systems
and Signal Processing, 175, 1984).

The states are sent by remote state preparation: Alice's half of a pair is measured in a basis that her node
draws, which leaves Bob's half in the state that she found. So no qubit travels, and no device ever prepares
one (Bennett, Brassard and Mermin, PRL 68, 557, 1992, show the two to be equivalent). Bob needs a single
qubit for all rounds: his subroutine is a loop over the pairs, and his choices of basis lie in an array.

With Werner pairs of fidelity F the quantum bit error rate is e = 2 (1 - F)/3. After error correction and
privacy amplification a fraction 1 - 2 h(e) of an infinitely long sifted key is left, h the binary entropy:
none beyond e = 0.110, that is for F below 0.835 (Shor and Preskill, PRL 85, 441, 2000).
"""

from __future__ import annotations

from typing import Any

from cnpu import Basis, Node, Qubit

Z, X = Basis.Z.value, Basis.X.value


async def alice(node: Node, rounds: int = 16) -> dict[str, Any]:
    """Send `rounds` random states (1 or more), sift, sample the errors and keep the key."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed: 1 or more")
    bob = node.socket("bob")
    bob.send(rounds)
    sent = node.epr("bob").create_rsp(rounds, random_basis_local="XZ")
    await node.flush()
    bits = [int(state.measurement_outcome) for state in sent]
    bases = [int(state.measurement_basis) for state in sent]

    sifted = agreeing(bases, await bob.recv())
    sample = sorted(node.rng.sample(sifted, len(sifted) // 2))
    bob.send({"bases": bases, "sample": sample})
    revealed = await bob.recv()
    errors = sum(bits[i] != bit for i, bit in zip(sample, revealed, strict=True))
    key = [bits[i] for i in sorted(set(sifted) - set(sample))]
    return {"rounds": rounds, "sifted": len(sifted), "sample": len(sample), "errors": errors, "key": key}


async def bob(node: Node) -> dict[str, Any]:
    """Measure every state in a random basis, sift, reveal the sample and keep the key."""
    alice = node.socket("alice")
    rounds = await alice.recv()
    bases = [node.rng.choice((Z, X)) for _ in range(rounds)]
    basis_array = node.new_array(rounds, init=bases)
    bit_array = node.new_array(rounds)

    def measure(node: Node, qubit: Qubit, i: Any) -> None:
        with node.if_eq(basis_array[i], X):
            qubit.H()
        qubit.measure(future=bit_array[i])

    node.epr("alice").recv_rsp(rounds, sequential=True, post_routine=measure)
    await node.flush()
    bits = [int(bit_array[i]) for i in range(rounds)]

    alice.send(bases)
    answer = await alice.recv()
    sifted, sample = agreeing(bases, answer["bases"]), answer["sample"]
    alice.send([bits[i] for i in sample])
    return {"key": [bits[i] for i in sorted(set(sifted) - set(sample))]}


def agreeing(bases: list[int], others: list[int]) -> list[int]:
    """The rounds in which both used the same basis."""
    return [i for i, (one, other) in enumerate(zip(bases, others, strict=True)) if one == other]


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """The sifted share of the rounds, the error rate of the sample, and that of the key.

    The last is for us to see only, as it takes both keys. Rates are None where there are no bits.
    """
    alice, bob = results["alice"], results["bob"]
    wrong = sum(a != b for a, b in zip(alice["key"], bob["key"], strict=True))
    return {
        "sifted": alice["sifted"] / alice["rounds"],
        "qber": alice["errors"] / alice["sample"] if alice["sample"] else None,
        "key_error": wrong / len(alice["key"]) if alice["key"] else None,
    }


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """Half of the rounds sifted, error rates of 2 (1 - F)/3.

    For a Werner (or perfect) link of fidelity F between noiseless devices; None for others.
    """
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    error = 2 * (1 - fidelity) / 3
    return {"sifted": 0.5, "qber": error, "key_error": error}

"""The magic square: a game that is always won with two entangled pairs, and not always without.

Alice is asked for a row of a 3 x 3 square, Bob for a column. Each answers with three bits, Alice with an
even sum, Bob with an odd one, and they win if both put the same bit where the row and the column meet. No
square filled in before can satisfy all six sums, so without entanglement they win at most 8 games of 9.
With two pairs |Phi+> they measure the observables of their row or column (Mermin, PRL 65, 3373, 1990;
Peres, Phys. Lett. A 151, 107, 1990; Aravind, Am. J. Phys. 72, 1303, 2004), the first factor on the first
pair, the second on the second:

     X I    I X    X X
     I Z    Z I    Z Z
    -X Z   -Z X    Y Y

Those in a row commute and their product is 1; those in a column commute and their product is -1. Both see
the same value where they meet, because |Phi+>|Phi+> has the eigenvalue 1 of each of the nine observables
applied at both ends. Two values are measured, with a CZ or CNOT between the qubits where they are joint
ones; the third follows.

Werner pairs of parameter w = (4 F - 1)/3 give a correlation w in the four fields with one factor and w^2 in
the five with two, hence P(win) = 1/2 + (4 w + 5 w^2)/18: above 8/9 for F > 0.887.
"""

from __future__ import annotations

from typing import Any

from cnpu import Node, Qubit


def measure_row(row: int, first: Qubit, second: Qubit) -> tuple[Any, Any, int]:
    """Measure a row: the bits of its first two observables, and 1 if both are to be inverted."""
    if row == 0:  # X I, I X
        return first.measure(basis="X"), second.measure(basis="X"), 0
    if row == 1:  # I Z, Z I
        z_first = first.measure()
        return second.measure(), z_first, 0
    first.cphase(second)  # turns X Z into X I, and Z X into I X; the signs invert the bits
    return first.measure(basis="X"), second.measure(basis="X"), 1


def measure_column(column: int, first: Qubit, second: Qubit) -> tuple[Any, Any]:
    """Measure a column: the bits of its first two observables."""
    if column == 0:  # X I, I Z
        return first.measure(basis="X"), second.measure()
    if column == 1:  # I X, Z I
        z_first = first.measure()
        return second.measure(basis="X"), z_first
    first.cnot(second)  # turns X X into X I, and Z Z into I Z
    return first.measure(basis="X"), second.measure()


async def alice(node: Node) -> dict[str, Any]:
    """Get a row (drawn here) and fill it in."""
    row = node.rng.randrange(3)
    first, second = node.epr("bob").create_keep(2)
    m1, m2, inverted = measure_row(row, first, second)
    await node.flush()
    a1, a2 = int(m1) ^ inverted, int(m2) ^ inverted
    return {"row": row, "bits": [a1, a2, a1 ^ a2]}


async def bob(node: Node) -> dict[str, Any]:
    """Get a column (drawn here) and fill it in."""
    column = node.rng.randrange(3)
    first, second = node.epr("alice").recv_keep(2)
    m1, m2 = measure_column(column, first, second)
    await node.flush()
    b1, b2 = int(m1), int(m2)
    return {"column": column, "bits": [b1, b2, b1 ^ b2 ^ 1]}


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Whether they put the same bit where row and column meet."""
    alice, bob = results["alice"], results["bob"]
    return {"win": alice["bits"][bob["column"]] == bob["bits"][alice["row"]]}


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """1/2 + (4 w + 5 w^2)/18 for a Werner (or perfect) link between noiseless devices; None for others."""
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    w = (4 * fidelity - 1) / 3
    return {"win": 0.5 + (4 * w + 5 * w * w) / 18}

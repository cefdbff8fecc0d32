"""E91: a secret key whose secrecy is checked by Bell's theorem.

Alice and Bob share pairs |Phi+> and measure each half along a direction in the x-z plane that each draws at
random: Alice at 0, 45 or 90 degrees from z, Bob at 45, 90 or 135 degrees. Afterwards they tell each other
their directions.

- Where the directions agree (2 of 9 combinations) so do the bits, which become the key.
- Where Alice measured at 0 or 90 degrees and Bob at 45 or 135 (4 of 9) they reveal the bits and compute

      S = E(0, 45) - E(0, 135) + E(90, 45) + E(90, 135),

  E(a, b) the mean product of the outcomes counted as +1 and -1. |S| is at most 2 if the outcomes were fixed
  before, by an eavesdropper or by anything else; |Phi+> gives 2 sqrt(2).

(Ekert, PRL 67, 661, 1991, for singlets, which change the sign of S.) For a Werner pair of fidelity F, with
w = (4 F - 1)/3, E(a, b) = w cos(a - b), so that S = 2 sqrt(2) w, and the error rate of the key is (1 - w)/2.
"""

from __future__ import annotations

import math
from typing import Any

from cnpu import Node

ALICE_DEGREES = (0, 45, 90)
BOB_DEGREES = (45, 90, 135)
SIGN = {(0, 45): 1, (0, 135): -1, (90, 45): 1, (90, 135): 1}  # of E in S


async def alice(node: Node, rounds: int = 9) -> dict[str, Any]:
    """Make `rounds` pairs (1 or more) and measure; reveal the bits of Bell's test and keep the key."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed: 1 or more")
    bob = node.socket("bob")
    bob.send(rounds)
    angles = [node.rng.choice(ALICE_DEGREES) for _ in range(rounds)]
    outcomes = []
    for degrees in angles:
        (half,) = node.epr("bob").create_keep()
        outcomes.append(half.measure(rotations=towards(degrees)))
    await node.flush()
    bits = [int(outcome) for outcome in outcomes]

    bob.send(angles)
    answer = await bob.recv()
    pairs = list(zip(angles, answer["angles"], strict=True))
    tested = [i for i, pair in enumerate(pairs) if pair in SIGN]
    products = [
        SIGN[pairs[i]] * (1 if bits[i] == bit else -1)
        for i, bit in zip(tested, answer["tested"], strict=True)
    ]
    return {"rounds": rounds, "products": products, "key": sifted(bits, pairs)}


async def bob(node: Node) -> dict[str, Any]:
    """Take part and measure; reveal the bits of Bell's test and keep the key."""
    alice = node.socket("alice")
    rounds = await alice.recv()
    angles = [node.rng.choice(BOB_DEGREES) for _ in range(rounds)]
    outcomes = []
    for degrees in angles:
        (half,) = node.epr("alice").recv_keep()
        outcomes.append(half.measure(rotations=towards(degrees)))
    await node.flush()
    bits = [int(outcome) for outcome in outcomes]

    pairs = list(zip(await alice.recv(), angles, strict=True))
    tested = [bit for bit, pair in zip(bits, pairs, strict=True) if pair in SIGN]
    alice.send({"angles": angles, "tested": tested})
    return {"key": sifted(bits, pairs)}


def towards(degrees: int) -> tuple[int, int, int]:
    """Rotations about x, y, x in sixteenths of pi that turn the direction at `degrees` from z into z."""
    return 0, -degrees * 16 // 180 % 32, 0


def sifted(bits: list[int], pairs: list[tuple[int, int]]) -> list[int]:
    """The bits of the rounds in which both measured along the same direction."""
    return [bit for bit, (a, b) in zip(bits, pairs, strict=True) if a == b]


ROLES = {"alice": alice, "bob": bob}


def metrics(results: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """S and the error rate of the key, None where no round of the shot tells; the key's share of the rounds.

    The four terms of S are equally frequent, so the mean product of all test rounds is S/4.
    """
    alice, bob = results["alice"], results["bob"]
    products, key = alice["products"], alice["key"]
    wrong = sum(a != b for a, b in zip(key, bob["key"], strict=True))
    return {
        "S": 4 * sum(products) / len(products) if products else None,
        "qber": wrong / len(key) if key else None,
        "sifted": len(key) / alice["rounds"],
    }


def expected(facts: Any, inputs: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """S = 2 sqrt(2) w, error rate (1 - w)/2 and 2/9 of the rounds in the key, with w = (4 F - 1)/3.

    For a Werner (or perfect) link of fidelity F between noiseless devices; None for others.
    """
    fidelity = facts.werner_fidelity("alice", "bob")
    if fidelity is None or not facts.all_noiseless():
        return None
    w = (4 * fidelity - 1) / 3
    return {"S": 2 * math.sqrt(2) * w, "qber": (1 - w) / 2, "sifted": 2 / 9}

"""Statistics of measured pairs: which bits come out of which bases, whoever corrects and whatever the link
heralds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from netqasm_isa.epr import (
    PAULI_ROTATIONS,
    ArgsIndex,
    Basis,
    MeasureIndex,
    RandomBasis,
    RotationAxes,
)
from qnpu.settings import QnpuSettings
from qworld.bell import BELL_NAMES, bell_tensor
from qworld.gates import PAULIS, density_of, rotation
from qworld.links import DepolariseLink, Link, PerfectLink
from tests.pair.harness import Bench, keep, lines, measure, pairs_of, prepare, receive

SIGMAS = 5.0
SIDES = ("receiver", "creator", "none")
BELL_LINK = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=10, random_bell_state=True)
CORRELATION = {"X": (1, 1, -1, -1), "Y": (-1, 1, -1, 1), "Z": (1, -1, -1, 1)}  # by Bell state
LOCAL, REMOTE = ArgsIndex.ROTATION_LOCAL_1, ArgsIndex.ROTATION_REMOTE_1
AXES = ("xyx", "yzy", "zxz")

Row = tuple[int, int, int, int, int]  # outcome and basis here, outcome and basis there, Bell state


def rotated(
    here: tuple[int, ...], there: tuple[int, ...], axes: int = 0, axes_there: int = 0
) -> dict[int, int]:
    """Arguments for fixed rotations at both ends."""
    args = {LOCAL + i: n for i, n in enumerate(here)} | {REMOTE + i: n for i, n in enumerate(there)}
    return args | {ArgsIndex.ROTATION_AXES_LOCAL: axes, ArgsIndex.ROTATION_AXES_REMOTE: axes_there}


def measured(
    number: int,
    args: Mapping[Any, int],
    side: Any,
    link: Link = BELL_LINK,
    seed: int = 0,
    tracing: bool = False,
) -> tuple[list[Row], Bench]:
    """`number` pairs measured directly, as both ends report them."""
    settings = QnpuSettings(correcting_side=side)
    bench = Bench(links={(0, 1): link}, settings=settings, seed=seed, tracing=tracing)
    bench.program(0, 1, measure(number=number, args=args)).program(
        1, 1, receive(ids=None, number=number)
    ).run()
    here, there = (pairs_of(cnpu.done[0]) for cnpu in bench.cnpus)
    rows = []
    for a, b in zip(here, there, strict=True):
        assert a[MeasureIndex.BELL_STATE] == b[MeasureIndex.BELL_STATE]
        row = (a[2], a[3], b[2], b[3], a[9])
        rows.append(tuple(int(x) for x in row if x is not None))
    return rows, bench  # type: ignore[return-value]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("axes", list(RotationAxes))
def test_equal_pauli_bases_give_the_correlation_of_phi_plus_or_of_the_raw_state(
    side: Any, axes: RotationAxes
) -> None:
    """All four Bell states, without noise: every one of 24 pairs must obey."""
    for pauli in "XYZ":
        rotations = PAULI_ROTATIONS[axes][pauli]
        rows, _ = measured(24, rotated(rotations, rotations, axes, axes), side)
        for here, _, there, _, bell in rows:
            assert (-1) ** (here + there) == CORRELATION[pauli][bell]
            assert bell == 0 or side == "none"
        assert side != "none" or len({row[4] for row in rows}) == 4


@pytest.mark.parametrize("side", SIDES)
def test_negated_pauli_bases_flip_one_bit(side: Any) -> None:
    for pauli in "XYZ":
        plain, negated = (PAULI_ROTATIONS[RotationAxes.XYX][name] for name in (pauli, "M" + pauli))
        for here, there in ((plain, negated), (negated, plain)):
            rows, _ = measured(16, rotated(here, there), side)
            for bit_here, _, bit_there, _, bell in rows:
                assert (-1) ** (bit_here + bit_there + 1) == CORRELATION[pauli][bell]


@pytest.mark.parametrize("side", SIDES)
def test_different_pauli_bases_are_independent(side: Any) -> None:
    """N = 400 pairs, seed 0, per pair of bases: mean product within 5 sigma of 0, and both bits fair."""
    count = 400
    for here, there in (("X", "Z"), ("Y", "X"), ("Z", "Y")):
        first, second = (PAULI_ROTATIONS[RotationAxes.XYX][name] for name in (here, there))
        rows, _ = measured(count, rotated(first, second), side)
        for values in (
            [(-1) ** (row[0] + row[2]) for row in rows],
            [(-1) ** row[0] for row in rows],
            [(-1) ** row[2] for row in rows],
        ):
            assert abs(sum(values)) < SIGMAS * math.sqrt(count)


def ideal_product(bell: int, here: np.ndarray[Any, Any], there: np.ndarray[Any, Any]) -> float:
    """<(U' Z U) x (V' Z V)> of a Bell state."""
    z = PAULIS[3]
    observable = np.kron(here.conj().T @ z @ here, there.conj().T @ z @ there)
    return float(np.trace(density_of(bell_tensor(bell)) @ observable).real)


def turned(axes: int, rotations: tuple[int, ...]) -> np.ndarray[Any, Any]:
    total = np.eye(2, dtype=complex)
    for axis, n in zip(AXES[axes], rotations, strict=True):
        total = rotation(axis, n * math.pi / 16) @ total
    return total


@pytest.mark.parametrize("side", SIDES)
def test_arbitrary_rotations_see_phi_plus_by_keeping_then_measuring(side: Any) -> None:
    """N = 1500 pairs, seed 3: the mean product is within 5 sigma of |Phi+>'s (none: each raw state's)."""
    count, here, there = 1500, (3, 5, 1), (1, 2, 30)
    rows, bench = measured(count, rotated(here, there, 0, 2), side, seed=3, tracing=True)
    for bell in {row[4] for row in rows}:
        products = [(-1) ** (row[0] + row[2]) for row in rows if row[4] == bell]
        ideal = ideal_product(bell, turned(0, here), turned(2, there))
        sigma = math.sqrt((1 - ideal**2) / len(products))
        assert abs(sum(products) / len(products) - ideal) < SIGMAS * sigma
    kept = {emit.data[1] for emit in bench.emits("EGP_KEEP_THEN_MEASURE")}
    assert bool(kept) == (side != "none")
    corrector = {"receiver": [0, count], "creator": [count, 0], "none": [0, 0]}[side]
    assert [len(bench.emits("EGP_KEEP_THEN_MEASURE", node)) for node in (0, 1)] == corrector


def test_arbitrary_rotations_are_measured_at_once_on_a_link_that_only_heralds_phi_plus() -> None:
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=10)
    _, bench = measured(10, rotated((3, 5, 1), (1, 2, 30)), "receiver", link, tracing=True)
    assert not bench.emits("EGP_KEEP_THEN_MEASURE")


# --- random bases ----------------------------------------

PAULI_OF = {Basis.X: PAULIS[1], Basis.Y: PAULIS[2], Basis.Z: PAULIS[3]}
OBSERVABLE = PAULI_OF | {
    Basis.ZPLUSX: (PAULIS[3] + PAULIS[1]) / math.sqrt(2),
    Basis.ZMINUSX: (PAULIS[3] - PAULIS[1]) / math.sqrt(2),
}
SETS = {
    RandomBasis.XZ: (Basis.X, Basis.Z),
    RandomBasis.XYZ: (Basis.X, Basis.Y, Basis.Z),
    RandomBasis.CHSH: (Basis.ZPLUSX, Basis.ZMINUSX),
}


def check_random(rows: list[Row], here: RandomBasis, there: RandomBasis) -> None:
    """Mean products per pair of bases and Bell state within 5 sigma, exactly +-1 where they must be."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    for a, basis_a, b, basis_b, bell in rows:
        assert basis_a in SETS[here] and basis_b in SETS[there]
        groups.setdefault((basis_a, basis_b, bell), []).append((-1) ** (a + b))
    assert {key[:2] for key in groups} == set(product(SETS[here], SETS[there]))
    for (basis_a, basis_b, bell), values in groups.items():
        observable = np.kron(OBSERVABLE[Basis(basis_a)], OBSERVABLE[Basis(basis_b)])
        ideal = float(np.trace(density_of(bell_tensor(bell)) @ observable).real)
        sigma = math.sqrt(max(1 - ideal**2, 0) / len(values))
        assert abs(sum(values) / len(values) - ideal) <= SIGMAS * sigma + 1e-9, (
            basis_a,
            basis_b,
            BELL_NAMES[bell],
        )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("here", "there"),
    [
        (RandomBasis.XZ, RandomBasis.XZ),
        (RandomBasis.XYZ, RandomBasis.XYZ),
        (RandomBasis.XZ, RandomBasis.CHSH),
        (RandomBasis.CHSH, RandomBasis.XZ),
        (RandomBasis.CHSH, RandomBasis.CHSH),
        (RandomBasis.XYZ, RandomBasis.XZ),
    ],
)
def test_random_bases_show_the_correlations_of_every_pair_of_bases(
    side: Any, here: RandomBasis, there: RandomBasis
) -> None:
    """N = 900 pairs, seed 1, all four Bell states: per pair of bases within 5 sigma."""
    args = {ArgsIndex.RANDOM_BASIS_LOCAL: here, ArgsIndex.RANDOM_BASIS_REMOTE: there}
    rows, _ = measured(900, args, side, seed=1)
    check_random(rows, here, there)


def test_chsh_value_reaches_the_quantum_bound() -> None:
    """N = 3000 pairs, seed 2: S within 5 sigma of 2 sqrt 2, each of its four means from N/4 pairs."""
    count = 3000
    args = {ArgsIndex.RANDOM_BASIS_LOCAL: RandomBasis.XZ, ArgsIndex.RANDOM_BASIS_REMOTE: RandomBasis.CHSH}
    rows, _ = measured(count, args, "receiver", seed=2)
    total = 0.0
    for basis_a, basis_b, sign in ((Basis.Z, 3, 1), (Basis.Z, 4, 1), (Basis.X, 3, 1), (Basis.X, 4, -1)):
        values = [(-1) ** (row[0] + row[2]) for row in rows if (row[1], row[3]) == (basis_a, basis_b)]
        total += sign * sum(values) / len(values)
    assert abs(total - 2 * math.sqrt(2)) < SIGMAS * 2 * math.sqrt(0.5 / (count / 4))


@pytest.mark.parametrize(
    ("chosen", "weights", "expected"),
    [
        (RandomBasis.XZ, (), (1 / 2, 1 / 2)),
        (RandomBasis.XYZ, (), (1 / 3, 1 / 3, 1 / 3)),
        (RandomBasis.CHSH, (), (1 / 2, 1 / 2)),
        (RandomBasis.XZ, (51,), (51 / 255, 204 / 255)),
        (RandomBasis.XYZ, (51, 102), (51 / 255, 102 / 255, 102 / 255)),
        (RandomBasis.CHSH, (200,), (200 / 255, 55 / 255)),
        (RandomBasis.XZ, (0,), (0, 1)),
        (RandomBasis.XZ, (255,), (1, 0)),
        (RandomBasis.XYZ, (0, 255), (0, 1, 0)),
    ],
)
@pytest.mark.parametrize("end", ["local", "remote"])
def test_bases_are_drawn_with_the_probabilities_asked_for(
    chosen: RandomBasis, weights: tuple[int, ...], expected: tuple[float, ...], end: str
) -> None:
    """N = 600 pairs, seed 4: the share of each basis within 5 sigma; a probability of 0 never occurs."""
    count, local = 600, end == "local"
    first = ArgsIndex.PROBABILITY_DIST_LOCAL1 if local else ArgsIndex.PROBABILITY_DIST_REMOTE1
    args: dict[int, int] = {
        ArgsIndex.RANDOM_BASIS_LOCAL if local else ArgsIndex.RANDOM_BASIS_REMOTE: int(chosen)
    }
    args |= {first + i: weight for i, weight in enumerate(weights)}
    rows, _ = measured(count, args, "receiver", PerfectLink(delay_ns=10), seed=4)
    seen = [row[1] if local else row[3] for row in rows]
    for basis, p in zip(SETS[chosen], expected, strict=True):
        assert abs(seen.count(basis) - count * p) <= SIGMAS * math.sqrt(count * p * (1 - p))


def test_bases_of_the_two_ends_are_drawn_independently() -> None:
    """N = 1200 pairs, seed 5: X here and X there together in a quarter of the pairs, within 5 sigma."""
    args = {ArgsIndex.RANDOM_BASIS_LOCAL: RandomBasis.XZ, ArgsIndex.RANDOM_BASIS_REMOTE: RandomBasis.XZ}
    rows, _ = measured(1200, args, "receiver", seed=5)
    both = sum(row[1] == row[3] == Basis.X for row in rows)
    assert abs(both - 300) < SIGMAS * math.sqrt(1200 * 3 / 16)


def test_noisy_link_shows_its_fidelity() -> None:
    """Werner state, F = 0.85, N = 3000 pairs in each of X, Y, Z, seed 6: |E| = (4F-1)/3 within 5 sigma."""
    link = DepolariseLink(fidelity=0.85, success_probability=1, cycle_ns=10, random_bell_state=True)
    for pauli in "XYZ":
        rotations = PAULI_ROTATIONS[RotationAxes.XYX][pauli]
        rows, _ = measured(3000, rotated(rotations, rotations), "receiver", link, seed=6)
        mean = sum((-1) ** (row[0] + row[2]) for row in rows) / len(rows)
        ideal = CORRELATION[pauli][0] * (4 * 0.85 - 1) / 3
        assert abs(mean - ideal) < SIGMAS * math.sqrt((1 - ideal**2) / len(rows))


# --- state preparation ----------------------------------------

UNDO: dict[str, Callable[[], tuple[str, ...]]] = {
    "X": lambda: ("h {q}",),
    "Y": lambda: ("k {q}",),
    "Z": lambda: (),
}


@pytest.mark.parametrize("side", ["receiver", "creator"])
@pytest.mark.parametrize("pauli", "XYZ")
def test_prepared_state_is_the_one_that_the_creators_bit_names(side: Any, pauli: str) -> None:
    """|Phi+>: measuring X, Y, Z with bit b leaves the eigenstate (-1)^b, with the sign turned for Y."""
    number = 3
    args = rotated(PAULI_ROTATIONS[RotationAxes.XYX][pauli], (0, 0, 0))
    undo = lines(
        *(
            f"set Q{i} {i}\n" + "\n".join(gate.format(q=f"Q{i}") for gate in UNDO[pauli]())
            for i in range(number)
        ),
        *(f"meas Q{i} M{i}\nret_reg M{i}" for i in range(number)),
    )
    for shot in range(6):
        bench = Bench(links={(0, 1): BELL_LINK}, settings=QnpuSettings(correcting_side=side), tracing=False)
        bench.program(0, 1, prepare(number=number, args=args))
        bench.program(1, 1, lines(receive(ids=tuple(range(number))), undo)).run(shot)
        bits = [pair[MeasureIndex.MEASUREMENT_OUTCOME] for pair in pairs_of(bench.cnpus[0].done[0])]
        found = [value for _, value in bench.cnpus[1].done[0].registers]
        flip = int(pauli == "Y")
        assert found == [int(bit or 0) ^ flip for bit in bits]


def test_prepared_state_of_an_arbitrary_rotation() -> None:
    """Creator measures behind Ry(5 pi / 16): the receiver turns likewise and finds the creator's bit."""
    args = rotated((0, 5, 0), (0, 0, 0))
    for shot in range(12):
        bench = Bench(links={(0, 1): BELL_LINK}, tracing=False)
        bench.program(0, 1, prepare(args=args))
        # |Phi+>: a real rotation R on one half is R on the other half too
        bench.program(1, 1, lines(receive(ids=(0,)), "set Q0 0\nrot_y Q0 5 4\nmeas Q0 M0\nret_reg M0")).run(
            shot
        )
        (pair,) = pairs_of(bench.cnpus[0].done[0])
        assert pair[MeasureIndex.MEASUREMENT_OUTCOME] == bench.cnpus[1].done[0].registers[0][1]


def test_random_basis_of_a_preparation_is_reported_to_the_creator() -> None:
    args = {ArgsIndex.RANDOM_BASIS_LOCAL: RandomBasis.XYZ}
    bases = set()
    for shot in range(12):
        bench = Bench(links={(0, 1): BELL_LINK}, tracing=False).program(0, 1, prepare(args=args))
        bench.program(1, 1, receive(ids=(0,))).run(shot)
        (pair,) = pairs_of(bench.cnpus[0].done[0])
        basis, bit = Basis(int(pair[3] or 0)), int(pair[2] or 0)
        bases.add(basis)
        sign = (-1) ** (bit + (basis == Basis.Y))
        state = (np.eye(2) + sign * PAULI_OF[basis]) / 2
        assert np.allclose(bench.state((1, 0)), state, atol=1e-12)
    assert bases == {Basis.X, Basis.Y, Basis.Z}


# --- corrections are gates ----------------------------------------


def test_corrections_take_time_and_noise_at_the_correcting_side_only() -> None:
    """Psi- needs two gates of 1 us; the other end's OK comes at the herald."""
    sides: tuple[tuple[Any, int], ...] = (("receiver", 1), ("creator", 0))
    for side, corrector in sides:
        seen = set()
        for shot in range(12):
            settings = QnpuSettings(correcting_side=side)
            bench = Bench(links={(0, 1): BELL_LINK}, settings=settings)
            bench.program(0, 1, keep()).program(1, 1, receive()).run(shot)
            gates = [gate for gate, _ in bench.starts(corrector)]
            assert not bench.starts(1 - corrector)
            assert gates in ([], ["x"], ["x", "z"], ["z"])
            seen.add(tuple(gates))
            oks = [bench.emits("EGP_ENT_OK", node)[0].t_ns for node in (0, 1)]
            assert oks[corrector] - oks[1 - corrector] == 1_000 * len(gates)
        assert len(seen) == 4


def test_measured_pairs_are_corrected_without_gates() -> None:
    _, bench = measured(40, {}, "receiver", tracing=True)
    assert not bench.starts(0) and not bench.starts(1)


def test_kept_pairs_of_all_bell_states_become_phi_plus() -> None:
    for side in ("receiver", "creator"):
        for shot in range(8):
            bench = Bench(
                links={(0, 1): BELL_LINK}, settings=QnpuSettings(correcting_side=side), tracing=False
            )
            bench.program(0, 1, keep()).program(1, 1, receive()).run(shot)
            assert np.allclose(bench.state((0, 0), (1, 0)), density_of(bell_tensor(0)), atol=1e-12)

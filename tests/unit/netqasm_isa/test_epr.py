"""The numbers of entanglement requests against the physics they stand for."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from netqasm_isa import epr, mnemonics
from netqasm_isa.epr import Basis, BellState, RotationAxes

PAULI = {
    "I": np.eye(2, dtype=complex),
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
}
BELL = {
    BellState.PHI_PLUS: np.array([1, 0, 0, 1]) / np.sqrt(2),
    BellState.PSI_PLUS: np.array([0, 1, 1, 0]) / np.sqrt(2),
    BellState.PSI_MINUS: np.array([0, 1, -1, 0]) / np.sqrt(2),
    BellState.PHI_MINUS: np.array([1, 0, 0, -1]) / np.sqrt(2),
}


def rotation(axis: str, sixteenths: int) -> Any:
    half = sixteenths * np.pi / 32
    return np.cos(half) * PAULI["I"] - 1j * np.sin(half) * PAULI[axis]


@pytest.mark.parametrize("axes", RotationAxes)
@pytest.mark.parametrize("name", ["X", "Y", "Z", "MX", "MY", "MZ"])
def test_rotations_turn_a_z_measurement_into_one_of_the_named_pauli(axes: RotationAxes, name: str) -> None:
    unitary = PAULI["I"]
    for axis, sixteenths in zip(axes.name, epr.PAULI_ROTATIONS[axes][name], strict=True):
        unitary = rotation(axis, sixteenths) @ unitary
    measured = unitary.conj().T @ PAULI["Z"] @ unitary
    sign = -1 if name.startswith("M") else 1
    assert np.allclose(measured, sign * PAULI[name[-1]], atol=1e-12)


@pytest.mark.parametrize("state", BellState)
def test_corrections_turn_every_bell_state_into_phi_plus(state: BellState) -> None:
    vector = BELL[state]
    for pauli in epr.BELL_CORRECTIONS[state]:
        vector = np.kron(PAULI["I"], PAULI[pauli]) @ vector
    assert abs(np.vdot(BELL[BellState.PHI_PLUS], vector)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("state", "basis"), list(product(BellState, [Basis.X, Basis.Y, Basis.Z])))
def test_flips_turn_the_correlations_of_every_bell_state_into_those_of_phi_plus(
    state: BellState, basis: Basis
) -> None:
    operator = np.kron(PAULI[basis.name], PAULI[basis.name])

    def correlation(vector: Any) -> float:
        return float(np.vdot(vector, operator @ vector).real)

    sign = -1 if basis in epr.BELL_FLIPS[state] else 1
    assert sign * correlation(BELL[state]) == pytest.approx(correlation(BELL[BellState.PHI_PLUS]), abs=1e-12)


def test_lengths_of_arrays_are_those_of_their_indices() -> None:
    assert len(epr.ArgsIndex) == epr.ARGS_LENGTH == max(epr.ARGS_LENGTHS)
    assert min(epr.ARGS_LENGTHS) == epr.ArgsIndex.ROTATION_AXES_LOCAL
    assert len(epr.KeepIndex) == len(epr.MeasureIndex) == epr.RESULT_LENGTH


def test_results_of_a_type_are_numbered_as_the_type() -> None:
    numbers = {kind.name: int(epr.ReplyType[f"OK_{kind.name}"]) for kind in epr.EprType}
    assert numbers == {kind.name: kind.value for kind in epr.EprType}


def test_breakpoint_enumerations_match_the_limits_of_the_table() -> None:
    limits = mnemonics("vanilla")["breakpoint"].limits
    assert limits == {"action": max(epr.BreakpointAction), "role": max(epr.BreakpointRole)}

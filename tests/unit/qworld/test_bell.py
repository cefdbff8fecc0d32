"""Bell and Werner states against their vectors, and the corrections to Phi+."""

import numpy as np
import pytest

from qworld.bell import (
    BELL_NAMES,
    CORRECTION_TO_PHI_PLUS,
    bell_diagonal_tensor,
    bell_tensor,
    fidelity_to_bell,
    werner_tensor,
)
from qworld.engine import Engine
from qworld.gates import density_of, ptm, tensor_of
from tests.unit.qworld import dense

EXACT = 1e-14


@pytest.mark.parametrize("k", range(4))
def test_bell_tensor_is_the_state_of_its_number(k: int) -> None:
    np.testing.assert_allclose(density_of(bell_tensor(k)), dense.bell(k), atol=EXACT)


def test_numbers_are_phi_plus_psi_plus_psi_minus_phi_minus() -> None:
    assert BELL_NAMES == ("Phi+", "Psi+", "Psi-", "Phi-")
    zz = [bell_tensor(k)[3, 3] for k in range(4)]
    xx = [bell_tensor(k)[1, 1] for k in range(4)]
    assert zz == [1, -1, -1, 1]
    assert xx == [1, 1, -1, -1]


@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize("fidelity", [0.0, 0.25, 0.8, 1.0])
def test_werner_state_has_its_fidelity_and_its_density_matrix(k: int, fidelity: float) -> None:
    tensor = werner_tensor(fidelity, k)
    np.testing.assert_allclose(density_of(tensor), dense.werner(fidelity, k), atol=EXACT)
    for other in range(4):
        expected = fidelity if other == k else (1 - fidelity) / 3
        assert fidelity_to_bell(tensor, other) == pytest.approx(expected, abs=EXACT)


def test_fidelity_of_any_state_is_the_overlap_with_the_bell_vector() -> None:
    random = np.random.default_rng(3)
    root = random.normal(size=(4, 4)) + 1j * random.normal(size=(4, 4))
    rho = root @ root.conj().T
    rho /= np.trace(rho)
    for k, vector in enumerate(dense.BELL_VECTORS):
        expected = (vector.conj() @ rho @ vector).real
        assert fidelity_to_bell(tensor_of(rho), k) == pytest.approx(expected, abs=EXACT)


def test_bell_diagonal_state_has_its_weights_as_fidelities() -> None:
    weights = (0.6, 0.1, 0.25, 0.05)
    tensor = bell_diagonal_tensor(weights)
    assert [fidelity_to_bell(tensor, k) for k in range(4)] == pytest.approx(weights, abs=EXACT)


@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize("side", [0, 1])
def test_correction_on_either_side_gives_phi_plus(k: int, side: int) -> None:
    engine = Engine()
    pair = engine.create_pair(bell_tensor(k), 0, None, None)
    for name in CORRECTION_TO_PHI_PLUS[k]:
        engine.apply1(pair[side], ptm(name))
    assert fidelity_to_bell(engine.pauli_tensor(pair), 0) == pytest.approx(1.0, abs=EXACT)


def test_tensors_are_read_only() -> None:
    for tensor in (bell_tensor(1), werner_tensor(0.9), bell_diagonal_tensor((1, 0, 0, 0))):
        with pytest.raises(ValueError, match="read-only"):
            tensor[1, 1] = 0.0


@pytest.mark.parametrize("k", [-1, 4])
def test_unknown_bell_state_is_refused_with_the_known_ones(k: int) -> None:
    with pytest.raises(ValueError, match=r"0 Phi\+, 1 Psi\+, 2 Psi-, 3 Phi-"):
        bell_tensor(k)
    with pytest.raises(ValueError, match="Bell state is"):
        werner_tensor(0.9, k)
    with pytest.raises(ValueError, match="Bell state is"):
        fidelity_to_bell(bell_tensor(0), k)


def test_states_that_do_not_exist_are_refused() -> None:
    for fidelity in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="allowed: 0 to 1"):
            werner_tensor(fidelity)
    with pytest.raises(ValueError, match="allowed: 1"):
        bell_diagonal_tensor((0.5, 0.4, 0.0, 0.0))
    with pytest.raises(ValueError, match="four numbers"):
        bell_diagonal_tensor((1.2, -0.2, 0.0, 0.0))
    with pytest.raises(ValueError, match="four numbers"):
        bell_diagonal_tensor((0.5, 0.5))
    with pytest.raises(ValueError, match=r"allowed: \(4, 4\)"):
        fidelity_to_bell(np.ones(16))

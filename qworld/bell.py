"""Two-qubit states of entanglement links as tensors of shape (4, 4) in the Pauli basis (see ``gates``).

Bell states are numbered 0 Phi+, 1 Psi+, 2 Psi-, 3 Phi-. Others call ``bell_tensor``, ``werner_tensor`` and
``bell_diagonal_tensor`` to make what a link delivers, ``CORRECTION_TO_PHI_PLUS`` to learn which gates turn
a heralded state into Phi+, and ``fidelity_to_bell`` to judge a state.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from qworld.gates import TOLERANCE, Tensor, freeze

BELL_NAMES: Final = ("Phi+", "Psi+", "Psi-", "Phi-")

# <XX>, <YY>, <ZZ> of each Bell state; everything else but <II> is zero.
_CORRELATIONS: Final = ((1.0, -1.0, 1.0), (1.0, 1.0, -1.0), (-1.0, -1.0, -1.0), (-1.0, 1.0, 1.0))
_TENSORS: Final = tuple(freeze(np.diag((1.0, *signs))) for signs in _CORRELATIONS)

CORRECTION_TO_PHI_PLUS: Final[tuple[tuple[str, ...], ...]] = ((), ("x",), ("x", "z"), ("z",))
"""Gates, in order, that turn Bell state k into Phi+ when done on *either one* of its qubits."""


def _index(k: int) -> int:
    if not 0 <= k < 4:
        listed = ", ".join(f"{index} {name}" for index, name in enumerate(BELL_NAMES))
        raise ValueError(f"Bell state is {k!r}; allowed: {listed}")
    return k


def bell_tensor(k: int) -> Tensor:
    """Bell state k (0 Phi+, 1 Psi+, 2 Psi-, 3 Phi-) as a read-only (4, 4) tensor."""
    return _TENSORS[_index(k)]


def werner_tensor(fidelity: float, k: int = 0) -> Tensor:
    """``w |Bell_k><Bell_k| + (1-w) I/4`` with ``w = (4F-1)/3``, as a read-only (4, 4) tensor.

    The fidelity is squared, ``<Bell_k| rho |Bell_k>``, and lies in 0..1, else ``ValueError``.
    """
    if not 0.0 <= fidelity <= 1.0:
        raise ValueError(f"fidelity is {fidelity!r}; allowed: 0 to 1")
    tensor = _TENSORS[_index(k)] * ((4.0 * fidelity - 1.0) / 3.0)
    tensor[0, 0] = 1.0
    return freeze(tensor)


def bell_diagonal_tensor(weights: Sequence[float]) -> Tensor:
    """The mixture of the four Bell states with the given weights, in their numbering; (4, 4), read-only.

    ``weights`` are four numbers of at least 0 that sum to 1 within 1e-9, else ``ValueError``.
    """
    if len(weights) != 4 or not all(weight >= 0 for weight in weights):
        raise ValueError(f"weights are {list(weights)!r}; allowed: four numbers of at least 0")
    if not abs(sum(weights) - 1.0) <= TOLERANCE:
        raise ValueError(f"weights {list(weights)!r} sum to {sum(weights)!r}; allowed: 1")
    tensor = sum((weight * bell for weight, bell in zip(weights, _TENSORS, strict=True)), np.zeros((4, 4)))
    tensor[0, 0] = 1.0
    return freeze(tensor)


def fidelity_to_bell(tensor: Tensor, k: int = 0) -> float:
    """``<Bell_k| rho |Bell_k>`` of a normalised two-qubit state given as a (4, 4) tensor."""
    if tensor.shape != (4, 4):
        raise ValueError(f"tensor has shape {tensor.shape}; allowed: (4, 4)")
    xx, yy, zz = _CORRELATIONS[_index(k)]
    return float(tensor[0, 0] + xx * tensor[1, 1] + yy * tensor[2, 2] + zz * tensor[3, 3]) / 4.0

"""Gates as real Pauli transfer matrices, computed from their unitaries.

A state of n qubits is a real tensor of shape ``(4,)*n`` whose component ``P1..Pn`` is ``tr(rho P1 x .. x
Pn)``, Paulis in the order I, X, Y, Z. A linear map of states is then a real matrix: ``4 x 4`` on one qubit,
``16 x 16`` on two with index ``4*P1 + P2``, the first operand most significant. Writing down unitaries
only, and deriving every matrix from them, leaves one place where a sign can be wrong.

Others call ``ptm(name)``, ``rotation_ptm``, ``controlled_rotation_ptm``, ``molmer_sorensen_ptm`` for gates,
``unitary_to_ptm`` and ``kraus_to_ptm`` for maps of their own, ``in_sequence`` and ``side_by_side`` to fuse
a gate with its noise once instead of at every use, and ``tensor_of`` / ``density_of`` to change basis.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ptm = NDArray[np.float64]
Tensor = NDArray[np.float64]
Matrix = NDArray[np.complex128]

TOLERANCE: Final = 1e-9  # how far a matrix may be from what it claims to be before it is refused
SNAP: Final = 1e-15  # entries this near to -1, 0 or 1 are exactly that: a Clifford gate stays a permutation


def _frozen_matrix(rows: Any) -> Matrix:
    matrix = np.array(rows, dtype=np.complex128)
    matrix.setflags(write=False)
    return matrix


def freeze(ptm: NDArray[Any]) -> Ptm:
    """A read-only, C-contiguous float64 copy of ``ptm``."""
    frozen = np.array(ptm, dtype=np.float64, order="C")
    frozen.setflags(write=False)
    return frozen


IDENTITY: Final = freeze(np.eye(4))

PAULIS: Final = (
    _frozen_matrix([[1, 0], [0, 1]]),
    _frozen_matrix([[0, 1], [1, 0]]),
    _frozen_matrix([[0, -1j], [1j, 0]]),
    _frozen_matrix([[1, 0], [0, -1]]),
)
_I, _X, _Y, _Z = PAULIS
_AXES: Final = {"x": _X, "y": _Y, "z": _Z}
_HALF: Final = np.sqrt(0.5)

_UNITARIES: Final = {
    "x": _X,
    "y": _Y,
    "z": _Z,
    "h": _frozen_matrix((_X + _Z) * _HALF),
    "k": _frozen_matrix((_Y + _Z) * _HALF),
    "s": _frozen_matrix([[1, 0], [0, 1j]]),
    "t": _frozen_matrix([[1, 0], [0, np.exp(0.25j * np.pi)]]),
    "cnot": _frozen_matrix([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
    "cphase": _frozen_matrix(np.diag([1, 1, 1, -1])),
    "swap": _frozen_matrix([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
}

GATES: Final = tuple(_UNITARIES)


# ------------------------------------------------------------------------------------------------ unitaries


def unitary(name: str) -> Matrix:
    """The unitary of a gate without parameters, one of ``GATES``; 2 x 2 or 4 x 4, read-only.

    ``k`` is (Y+Z)/sqrt2, ``s`` diag(1, i), ``t`` diag(1, e^(i pi/4)). Raises ``ValueError`` for another
    name.
    """
    found = _UNITARIES.get(name)
    if found is None:
        raise ValueError(f"no gate named {name!r}; known gates: {', '.join(GATES)}")
    return found


def angle(n: int, d: int) -> float:
    """The NetQASM angle ``n * pi / 2**d`` in radians; n and d at least 0, d at most 255."""
    if n < 0 or not 0 <= d <= 255:
        raise ValueError(f"angle n={n}, d={d}: n must be at least 0 and d in 0..255")
    # A whole number of double turns is removed in integers, so that 256 pi / 1 is exactly no rotation at all.
    return (n % (4 << d)) / (1 << d) * np.pi


def rotation(axis: str, theta: float) -> Matrix:
    """``exp(-i theta P / 2)`` for the Pauli P of ``axis`` (x, y or z), theta in radians; 2 x 2."""
    pauli = _AXES.get(axis)
    if pauli is None:
        raise ValueError(f"no rotation about axis {axis!r}; allowed: x, y, z")
    gate: Matrix = np.cos(theta / 2) * _I - 1j * np.sin(theta / 2) * pauli
    return gate


def controlled_rotation(axis: str, theta: float) -> Matrix:
    """``|0><0| x R(theta) + |1><1| x R(-theta)``, R about ``axis`` (x or y); the control is first."""
    if axis not in ("x", "y"):
        raise ValueError(f"no controlled rotation about axis {axis!r}; allowed: x, y")
    gate = np.zeros((4, 4), dtype=np.complex128)
    gate[:2, :2] = rotation(axis, theta)
    gate[2:, 2:] = rotation(axis, -theta)
    return gate


def molmer_sorensen(theta: float, phi: float = 0.0) -> Matrix:
    """``exp(-i theta/4 S^2)`` on two ions, ``S = sum_k cos(phi) X_k + sin(phi) Y_k``; angles in radians.

    With n ions the same interaction is, up to a global phase, the product of this gate over all pairs: the
    terms of S^2 commute, so applying it pair by pair is exact.
    """
    single = np.cos(phi) * _X + np.sin(phi) * _Y
    # S^2 = 2 + 2 S1 S2 and S1 S2 squares to one, so the exponential has two terms.
    twist = np.cos(theta / 2) * np.eye(4) - 1j * np.sin(theta / 2) * np.kron(single, single)
    gate: Matrix = np.exp(-0.5j * theta) * twist
    return gate


# ---------------------------------------------------------------------------------------- transfer matrices


@lru_cache(maxsize=8)
def _pauli_strings(qubits: int) -> Matrix:
    """All ``4**qubits`` Pauli products, shape ``(4**n, 2**n, 2**n)``, first qubit most significant."""
    strings = np.ones((1, 1, 1), dtype=np.complex128)
    for _ in range(qubits):
        strings = np.array([np.kron(left, pauli) for left in strings for pauli in PAULIS])
    strings.setflags(write=False)
    return strings


def _qubits_of(matrix: NDArray[Any], what: str) -> int:
    size = matrix.shape[0] if matrix.ndim == 2 else 0
    qubits = size.bit_length() - 1
    if matrix.shape != (size, size) or qubits < 1 or size != 1 << qubits:
        raise ValueError(f"{what} has shape {matrix.shape}; allowed: 2**n x 2**n with n at least 1")
    return qubits


def kraus_to_ptm(operators: Sequence[NDArray[Any]]) -> Ptm:
    """The transfer matrix ``tr(P_i sum_k K_k P_j K_k^dagger) / 2**n``, shape ``(4**n, 4**n)``, read-only.

    ``operators`` are the Kraus matrices, all ``2**n x 2**n``. A complete set (``sum K^dagger K = 1``) gives a
    channel with first row (1, 0, .., 0); part of a set, such as one measurement outcome, gives a map that
    lowers the trace. Raises ``ValueError`` for no operators, wrong shapes, or a map that raises the trace.
    """
    if not len(operators):
        raise ValueError("no Kraus operators given; at least one is needed")
    matrices = [np.asarray(operator, dtype=np.complex128) for operator in operators]
    qubits = _qubits_of(matrices[0], "Kraus operator 0")
    total = np.zeros_like(matrices[0])
    for index, matrix in enumerate(matrices):
        if matrix.shape != total.shape:
            raise ValueError(f"Kraus operator {index} has shape {matrix.shape}, operator 0 has {total.shape}")
        total += matrix.conj().T @ matrix
    largest = float(np.linalg.eigvalsh(total)[-1])
    if not largest <= 1 + TOLERANCE:
        raise ValueError(f"sum of K^dagger K has eigenvalue {largest:.12g}; allowed: at most 1")
    paulis = _pauli_strings(qubits)
    images = np.zeros_like(paulis)
    for matrix in matrices:
        images += matrix @ paulis @ matrix.conj().T
    count = 4**qubits
    # tr(P_i Q_j) as one matrix product over the flattened indices of P_i and the transpose of Q_j.
    ptm = (paulis.reshape(count, -1) @ images.transpose(2, 1, 0).reshape(-1, count)).real / 2**qubits
    nearest = np.round(ptm)
    return freeze(np.where(np.abs(ptm - nearest) < SNAP, nearest, ptm) + 0.0)  # + 0.0 turns -0.0 into 0.0


def unitary_to_ptm(matrix: NDArray[Any]) -> Ptm:
    """The transfer matrix of ``rho -> U rho U^dagger``, shape ``(4**n, 4**n)`` for a ``2**n x 2**n``
    unitary.

    Raises ``ValueError`` for another shape and for a matrix that is not unitary within 1e-9.
    """
    checked = np.asarray(matrix, dtype=np.complex128)
    _qubits_of(checked, "unitary")
    error = float(np.abs(checked.conj().T @ checked - np.eye(len(checked))).max())
    if not error <= TOLERANCE:
        raise ValueError(f"matrix is not unitary: U^dagger U is off by {error:.3g}; allowed: 1e-9")
    return kraus_to_ptm([checked])


@cache  # bounded by GATES: other names raise, and exceptions are not cached
def ptm(name: str) -> Ptm:
    """The transfer matrix of a gate without parameters, one of ``GATES``; 4 x 4 or 16 x 16, read-only."""
    return unitary_to_ptm(unitary(name))


@lru_cache(maxsize=4096)
def rotation_ptm(axis: str, n: int, d: int) -> Ptm:
    """Transfer matrix of ``exp(-i theta P / 2)``, ``theta = n pi / 2**d``, P the Pauli of ``axis``; 4 x 4."""
    return unitary_to_ptm(rotation(axis, angle(n, d)))


@lru_cache(maxsize=4096)
def controlled_rotation_ptm(axis: str, n: int, d: int) -> Ptm:
    """Transfer matrix of NetQASM's ``crot_x`` or ``crot_y`` by ``n pi / 2**d``, control first; 16 x 16."""
    return unitary_to_ptm(controlled_rotation(axis, angle(n, d)))


@lru_cache(maxsize=4096)
def molmer_sorensen_ptm(theta: float, phi: float = 0.0) -> Ptm:
    """Transfer matrix of ``molmer_sorensen(theta, phi)``; 16 x 16.

    NetQASM's ``bichromatic n d`` has no published matrix; it is taken with theta = n pi / 2**d, phi = 0.
    """
    return unitary_to_ptm(molmer_sorensen(theta, phi))


def in_sequence(*ptms: Ptm) -> Ptm:
    """One transfer matrix that acts as the given ones (of equal size) do one after the other, in order."""
    if not ptms:
        raise ValueError("no transfer matrices given; at least one is needed")
    fused = ptms[0]
    for later in ptms[1:]:
        if later.shape != fused.shape:
            raise ValueError(
                f"transfer matrices of shapes {fused.shape} and {later.shape} cannot follow each other"
            )
        fused = later @ fused
    return freeze(fused)


def side_by_side(first: Ptm, second: Ptm) -> Ptm:
    """The 16 x 16 transfer matrix of two 4 x 4 ones, each acting on its own qubit."""
    if first.shape != (4, 4) or second.shape != (4, 4):
        raise ValueError(f"shapes are {first.shape} and {second.shape}; allowed: (4, 4) both")
    return freeze(np.kron(first, second))


# ----------------------------------------------------------------------------------------- change of basis


def tensor_of(density: NDArray[Any]) -> Tensor:
    """The real tensor, shape ``(4,)*n``, of a ``2**n x 2**n`` density matrix (first qubit most
    significant).

    Raises ``ValueError`` for another shape and for a matrix that is not Hermitian within 1e-9.
    """
    rho = np.asarray(density, dtype=np.complex128)
    qubits = _qubits_of(rho, "density matrix")
    if not np.abs(rho - rho.conj().T).max() <= TOLERANCE:
        raise ValueError("density matrix is not Hermitian; allowed: rho equal to its adjoint within 1e-9")
    return _change_basis(rho.reshape((2,) * (2 * qubits)), qubits)


def _change_basis(rho: Matrix, qubits: int) -> Tensor:
    pauli = np.array(PAULIS)
    for done in range(qubits):
        # Row axis of the next qubit is always 0 (finished ones go to the back), its column axis is `left`.
        left = qubits - done
        rho = np.tensordot(rho, pauli, axes=([0, left], [2, 1]))
    return np.ascontiguousarray(rho.real)


def density_of(tensor: Tensor) -> Matrix:
    """The complex ``2**n x 2**n`` density matrix of a ``(4,)*n`` tensor; inverse of ``tensor_of``."""
    qubits = tensor.ndim
    if qubits < 1 or tensor.shape != (4,) * qubits:
        raise ValueError(f"tensor has shape {tensor.shape}; allowed: (4,)*n with n at least 1")
    half_pauli = np.array(PAULIS) / 2
    rho = tensor.astype(np.complex128)
    for _ in range(qubits):
        rho = np.tensordot(rho, half_pauli, axes=([0], [0]))
    rows_then_columns = [*range(0, 2 * qubits, 2), *range(1, 2 * qubits, 2)]
    return rho.transpose(rows_then_columns).reshape(2**qubits, 2**qubits)

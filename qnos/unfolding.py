"""Readout errors taken out of measured counts: unfolding, with its uncertainty.

A detector that reads a prepared |0> as 0 with probability F0 and a prepared |1> as 1 with F1 turns the true
distribution t of outcomes into R t. `response` makes R, `unfold` finds the t behind given counts and
`covariance` says how well it is known. `expectation` and `deviation` turn them into the mean of a product of
Z, and `one_qubit_state` and `one_qubit_fidelity` put three of these together.

The inverse of R does the same where it gives a distribution at all: with few counts in an outcome it makes
probabilities negative. Unfolding by repeated use of Bayes' theorem (D'Agostini, Nucl. Instrum. Methods A 362,
487, 1995) never does. Outcomes are numbered with the first qubit as the most significant bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from numpy.random import Generator

Array = NDArray[np.float64]
ReadoutFidelities = tuple[float, float]  # (F0, F1) of one qubit
Calibration = tuple[Sequence[int], Sequence[int]]  # counts of read 0 and 1, for prepared |0> and for |1>

TOLERANCE: Final = 1e-3  # counts by which an outcome may still change in the last step
MOST_STEPS: Final = 1001
DRAWS: Final = 250_000
MOST_QUBITS: Final = 10
_DRAWN_ENTRIES: Final = 1 << 18  # entries of responses held at once: 2 MiB


class Unfolded(msgspec.Struct, frozen=True):
    """What is behind the counts: `probabilities`, shape (2^n,), and the number of `steps` it took."""

    probabilities: Array
    steps: int


def response(fidelities: Sequence[ReadoutFidelities]) -> Array:
    """R[i, j] = P(read i | prepared j) of qubits that are read independently; shape (2^n, 2^n).

    `fidelities` has (F0, F1) = (P(read 0 | 0), P(read 1 | 1)) per qubit, each in 0..1, for 1 to 10 qubits. R
    is the Kronecker product of [[F0, 1 - F1], [1 - F0, F1]]. `ValueError` for anything else.
    """
    pairs = [tuple(pair) for pair in fidelities]
    _check_qubits(len(pairs), "fidelities")
    matrix = np.ones((1, 1))
    for qubit, pair in enumerate(pairs):
        if len(pair) != 2 or not all(0 <= fidelity <= 1 for fidelity in pair):
            raise ValueError(f"fidelities[{qubit}] is {pair!r}; allowed: (F0, F1), each 0 to 1")
        f0, f1 = pair
        matrix = np.kron(matrix, np.array([[f0, 1 - f1], [1 - f0, f1]]))
    return matrix


def unfold(
    counts: ArrayLike, response: ArrayLike, tolerance: float = TOLERANCE, most_steps: int = MOST_STEPS
) -> Unfolded:
    """The distribution of outcomes behind `counts`, shape (2^n,), read with `response`, (2^n, 2^n).

    From equal t[j] that sum up to all counts m, each step is t[j] <- t[j] sum_i R[i,j] m[i]/(R t)[i], leaving
    out the i with (R t)[i] = 0. It ends when the sum of |changes| is at most `tolerance` times 2^n, or after
    `most_steps` (1 or more). The result is t/sum(t): never negative, and in the limit R^-1 m/sum(m) where
    that is a distribution. `ValueError` for counts or a response that cannot be.
    """
    measured = _counts(counts)
    matrix = _response(response, len(measured))
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance!r}; allowed: 0 or more")
    if most_steps < 1:
        raise ValueError(f"most_steps is {most_steps!r}; allowed: 1 or more")
    true = np.full(len(measured), measured.sum() / len(measured))
    steps = 0
    while steps < most_steps:
        steps += 1
        before = true
        true = before * (matrix.T @ _quotient(measured, matrix @ before))
        if np.abs(true - before).sum() <= tolerance * len(true):
            break
    total = true.sum()
    if total == 0:
        raise ValueError(f"counts are {measured.tolist()}; allowed: some that the response can give")
    return Unfolded(true / total, steps)


def covariance(
    counts: ArrayLike,
    calibration: Sequence[Calibration],
    probabilities: ArrayLike,
    rng: Generator,
    draws: int = DRAWS,
) -> Array:
    """Covariance of unfolded `probabilities`, by what `counts` and the calibration leave open; (2^n, 2^n).

    `calibration` has for each qubit the counts (read 0, read 1) after preparing |0>, and those after |1>.
    Each of `draws` (2 or more) takes the columns of every qubit's response from Dirichlet(counts + 1), the
    histogram h from Dirichlet(`counts` + 1), and sends it through the smearing matrix of the last step,
    U[j,i] = R[i,j] p[j]/(R p)[i], made with that draw's R. `rng` is the caller's, with a seed of its own.

    This is how published analyses state the error, and it understates it, as p stays where it is in all
    draws: for one qubit with F0 = 0.95 by a seventh, for the correlation of two such qubits by about a half.
    For what an experiment would scatter by, unfold many drawn histograms instead.
    """
    measured = _counts(counts)
    p = np.asarray(probabilities, float)
    if p.shape != measured.shape or not (np.isfinite(p).all() and (p >= 0).all()):
        raise ValueError(f"probabilities are {p.tolist()}; allowed: {len(measured)} of at least 0")
    qubits = [_calibration(entry, qubit) for qubit, entry in enumerate(calibration)]
    if 1 << len(qubits) != len(measured):
        raise ValueError(
            f"calibration has {len(qubits)} qubits; allowed: {len(measured).bit_length() - 1}, as in counts"
        )
    if draws < 2:
        raise ValueError(f"draws is {draws!r}; allowed: 2 or more")
    total = np.zeros(len(p))
    squares = np.zeros((len(p), len(p)))
    for number in _chunks(draws, max(1, _DRAWN_ENTRIES // len(p) ** 2)):
        drawn = _drawn_responses(qubits, rng, number)
        histogram = rng.dirichlet(measured + 1, number)
        smeared = p * np.einsum("nij,ni->nj", drawn, _quotient(histogram, drawn @ p))
        offset = smeared - p  # the mean is near p: sums of squares of what is left do not cancel
        total += offset.sum(axis=0)
        squares += offset.T @ offset
    return (squares - np.outer(total, total) / draws) / (draws - 1)


def expectation(probabilities: ArrayLike) -> float:
    """<Z...Z>, the mean of the product of outcomes +1 (read 0) and -1, in -1..1; `probabilities` (2^n,)."""
    p = np.asarray(probabilities, float)
    return float(_signs(len(p)) @ p)


def deviation(covariance: ArrayLike) -> float:
    """Standard deviation of that mean, from the covariance of the probabilities, shape (2^n, 2^n)."""
    matrix = np.asarray(covariance, float)
    signs = _signs(len(matrix))
    return math.sqrt(max(float(signs @ matrix @ signs), 0.0))


def one_qubit_state(x: float, y: float, z: float) -> NDArray[np.complex128]:
    """rho = (I + x X + y Y + z Z)/2 from the expectation values of X, Y and Z, each in -1..1; shape (2, 2).

    Values with errors may lie outside of the Bloch sphere: rho then has a negative eigenvalue, and stays as
    it is.
    """
    for name, value in (("x", x), ("y", y), ("z", z)):
        if not -1 <= value <= 1:
            raise ValueError(f"{name} is {value!r}; allowed: -1 to 1")
    return np.array([[1 + z, x - 1j * y], [x + 1j * y, 1 - z]], np.complex128) / 2


def one_qubit_fidelity(x: float, y: float, z: float, theta: float, phi: float) -> float:
    """<psi|rho|psi> of that state with psi = Rz(phi) Ry(theta)|0>, angles in rad."""
    psi = np.array([math.cos(theta / 2), np.exp(1j * phi) * math.sin(theta / 2)])
    return float((psi.conj() @ one_qubit_state(x, y, z) @ psi).real)


def _signs(outcomes: int) -> Array:
    """+1 for outcomes with an even number of ones, -1 for the others."""
    return np.array([-1.0 if outcome.bit_count() % 2 else 1.0 for outcome in range(outcomes)])


def _quotient(measured: Array, predicted: Array) -> Array:
    """measured/predicted, 0 where nothing is predicted."""
    quotient: Array = np.divide(measured, predicted, out=np.zeros_like(predicted), where=predicted > 0)
    return quotient


def _drawn_responses(qubits: Sequence[tuple[Array, Array]], rng: Generator, number: int) -> Array:
    """`number` responses that the calibration allows; shape (number, 2^n, 2^n)."""
    drawn = np.ones((number, 1, 1))
    for prepared_0, prepared_1 in qubits:
        columns = (rng.dirichlet(prepared_0 + 1, number), rng.dirichlet(prepared_1 + 1, number))
        size = 2 * drawn.shape[1]
        drawn = np.einsum("nij,nkl->nikjl", drawn, np.stack(columns, axis=2)).reshape(number, size, size)
    return drawn


def _chunks(total: int, size: int) -> Iterator[int]:
    while total > 0:
        yield min(total, size)
        total -= size


def _check_qubits(qubits: int, name: str) -> None:
    if not 1 <= qubits <= MOST_QUBITS:
        raise ValueError(f"{name} has {qubits} qubits; allowed: 1 to {MOST_QUBITS}")


def _counts(counts: ArrayLike) -> Array:
    measured = np.asarray(counts, float)
    outcomes = measured.size
    if measured.ndim != 1 or outcomes not in [1 << n for n in range(1, MOST_QUBITS + 1)]:
        raise ValueError(
            f"counts have the shape {measured.shape}; allowed: one for each outcome of 1 to {MOST_QUBITS} "
            "qubits"
        )
    if not np.isfinite(measured).all() or (measured < 0).any() or not measured.any():
        raise ValueError(f"counts are {measured.tolist()}; allowed: numbers of at least 0, not all 0")
    return measured


def _response(response: ArrayLike, outcomes: int) -> Array:
    matrix = np.asarray(response, float)
    if matrix.shape != (outcomes, outcomes):
        raise ValueError(f"response has the shape {matrix.shape}; allowed: {(outcomes, outcomes)}, as counts")
    if not (matrix >= 0).all() or not np.allclose(matrix.sum(axis=0), 1, rtol=0, atol=1e-9):
        raise ValueError("response has a column that is no distribution; allowed: entries 0 to 1 with sum 1")
    return matrix


def _calibration(entry: Any, qubit: int) -> tuple[Array, Array]:
    columns = np.asarray(entry, float)
    if columns.shape != (2, 2) or not np.isfinite(columns).all() or (columns < 0).any():
        raise ValueError(
            f"calibration[{qubit}] is {columns.tolist()}; allowed: counts of read 0 and 1 after preparing "
            "|0>, and after |1>"
        )
    return columns[0], columns[1]

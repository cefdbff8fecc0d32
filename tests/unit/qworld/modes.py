"""Heralded entanglement from its optical modes, to compare link models with.

Written without the code under test: states of light are vectors over Fock states, the beam splitter is a
unitary made from its Hamiltonian, loss entangles with an environment, detectors weigh photon numbers. The
station has two detectors; each sees two modes, for the photons of the two ends overlap only in part: the
second photon is sqrt(V) of the first one's mode and sqrt(1-V) of a mode orthogonal to it.

A window is four modes of at most two photons. States have axes: spin a, spin b, environment, window(s).
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from tests.unit.qworld.dense import Array, exponential

NUMBERS = 3  # 0, 1 or 2 photons in a mode
LOWER: Array = np.diag(np.sqrt(np.arange(1, NUMBERS)), 1).astype(complex)
MODES = 4  # of a window: first detector's two (common, orthogonal), then the second's
SIZE = NUMBERS**MODES
Weights = np.ndarray[Any, np.dtype[np.float64]]


def _at(mode: int, operator: Array) -> Array:
    """An operator on one of the modes of a window."""
    whole = np.eye(1)
    for each in range(MODES):
        whole = np.kron(whole, operator if each == mode else np.eye(NUMBERS))
    return whole


@cache
def beam_splitter() -> Array:
    """50:50: each input mode goes to (first + second)/sqrt2 if it is of end a, (first - second)/sqrt2 if of
    b.

    The rotation exp(pi/4 (y^ x - x^ y)) takes x to (x + y)/sqrt2 and y to (y - x)/sqrt2; a phase of pi
    before it on the modes of b gives the wanted signs.
    """
    total = np.eye(SIZE, dtype=complex)
    for a, b in ((0, 2), (1, 3)):
        x, y = _at(a, LOWER), _at(b, LOWER)
        turn = exponential(1j * np.pi / 4 * (y.conj().T @ x - x.conj().T @ y))
        flip = exponential(np.pi * y.conj().T @ y)
        total = turn @ flip @ total
    return total


def photons() -> tuple[Array, Array]:
    """Creation operators of a photon in the common and in the orthogonal mode, at either input: shape
    (2, 2, size, size) as (end, mode)."""
    raising = LOWER.conj().T
    return (
        np.array([_at(0, raising), _at(1, raising)]),
        np.array([_at(2, raising), _at(3, raising)]),
    )


def _creation(end: int, visibility: float) -> Array:
    common, orthogonal = photons()[end]
    if end == 0:
        return np.asarray(common)
    return np.asarray(sqrt(visibility) * common + sqrt(1 - visibility) * orthogonal)


def detector_weights(kind: str, dark: float) -> Weights:
    """Probability that detector 0, or 1, alone reports exactly one click, by photon numbers of a window;
    shape (2, size)."""
    numbers = np.indices((NUMBERS,) * MODES).reshape(MODES, -1)
    seen = np.array([numbers[0] + numbers[1], numbers[2] + numbers[3]])
    silent = np.where(seen == 0, 1 - dark, 0.0)
    if kind == "threshold":
        once = 1 - silent
    else:  # a dark count adds a count
        once = np.where(seen == 0, dark, np.where(seen == 1, 1 - dark, 0.0))
    return np.array([once[0] * silent[1], once[1] * silent[0]])


def _vacuum() -> Array:
    state = np.zeros(SIZE, dtype=complex)
    state[0] = 1
    return state


def single_click(
    alphas: tuple[float, float],
    etas: tuple[float, float],
    dark: float,
    visibility: float,
    kind: str,
) -> list[tuple[float, Array]]:
    """For a click in detector 0 and in detector 1: its probability, and the state of the spins."""
    create = [_creation(end, visibility) for end in (0, 1)]
    state = np.zeros((2, 2, 2, 2, SIZE), dtype=complex)  # spin a, spin b, lost of a, lost of b, window
    for a in (0, 1):
        for b in (0, 1):
            amplitude = sqrt(alphas[0] if a else 1 - alphas[0]) * sqrt(alphas[1] if b else 1 - alphas[1])
            for lost_a in range(a + 1):
                for lost_b in range(b + 1):
                    light = amplitude * _vacuum()
                    for end, bright, lost in ((0, a, lost_a), (1, b, lost_b)):
                        if bright:
                            light = (
                                sqrt(1 - etas[end]) * light if lost else sqrt(etas[end]) * create[end] @ light
                            )
                    state[a, b, lost_a, lost_b] = beam_splitter() @ light
    flat = state.reshape(4, 4, SIZE)
    return [_spins(np.einsum("sen,n,ten->st", flat, w, flat.conj())) for w in detector_weights(kind, dark)]


def double_click(
    etas: tuple[float, float], dark: float, visibility: float, kind: str
) -> dict[tuple[int, int], tuple[float, Array]]:
    """For clicks in detectors (early, late): the probability, and the state of the spins."""
    create = [_creation(end, visibility) for end in (0, 1)]
    state = np.zeros((4, 9, SIZE, SIZE), dtype=complex)  # spins, what is lost, early window, late window
    for a in (0, 1):
        for b in (0, 1):
            for lost_a in (False, True):
                for lost_b in (False, True):
                    windows = [_vacuum(), _vacuum()]
                    amplitude = 0.5
                    environment = 0
                    for end, late, lost in ((0, a, lost_a), (1, b, lost_b)):
                        environment *= 3
                        if lost:
                            amplitude *= sqrt(1 - etas[end])
                            environment += 1 + late
                        else:
                            amplitude *= sqrt(etas[end])
                            windows[late] = create[end] @ windows[late]
                    early, late_window = (beam_splitter() @ light for light in windows)
                    state[2 * a + b, environment] += amplitude * np.outer(early, late_window)
    weights = detector_weights(kind, dark)
    found = {}
    for first in (0, 1):
        weighed = np.einsum("n,senm->senm", weights[first], state)
        for second in (0, 1):
            rho = np.einsum("senm,m,tenm->st", weighed, weights[second], state.conj(), optimize=True)
            found[first, second] = _spins(rho)
    return found


def _spins(rho: Array) -> tuple[float, Array]:
    probability = float(np.trace(rho).real)
    return probability, rho / probability if probability else rho

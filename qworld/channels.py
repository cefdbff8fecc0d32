"""Noise as real Pauli transfer matrices (see ``gates`` for the basis), with the conventions stated once.

Others call ``depolarising``, ``dephasing``, ``amplitude_damping`` and ``joint_depolarising`` for the noise of
operations, make one ``IdleNoise(t1_ns, t2_ns, depolarise_ns)`` per kind of qubit and give it to the engine,
and describe a faulty readout by ``e0 = P(read 1 | state 0)`` and ``e1 = P(read 0 | state 1)``:
``readout_kraus`` and ``readout_branch`` for the form that keeps some coherence, ``reported_bit`` for the form
that flips a bit.

Probabilities outside their range raise ``ValueError`` naming the parameter, its value and the range.
"""

from functools import lru_cache
from math import exp, expm1, inf, isnan, sqrt
from typing import Final

import numpy as np

from qworld.gates import Matrix, Ptm, freeze

IDLE_CACHE_SIZE: Final = 1024  # distinct waiting times one IdleNoise remembers before it starts afresh


def _checked(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value!r}; allowed: 0 to 1")
    return value


# ---------------------------------------------------------------------------------------- operation noise


@lru_cache(maxsize=1024)
def depolarising(p: float) -> Ptm:
    """``rho -> (1-p) rho + p I/2`` on one qubit, p in 0..1; 4 x 4.

    A pure state keeps 1 - p/2.
    """
    kept = 1.0 - _checked("depolarising probability", p)
    return freeze(np.diag([1.0, kept, kept, kept]))


@lru_cache(maxsize=1024)
def dephasing(p: float) -> Ptm:
    """``rho -> (1-p) rho + p Z rho Z``, p in 0..1; 4 x 4.

    Coherences are multiplied by ``1 - 2p``.
    """
    kept = 1.0 - 2.0 * _checked("dephasing probability", p)
    return freeze(np.diag([1.0, kept, kept, 1.0]))


@lru_cache(maxsize=1024)
def amplitude_damping(gamma: float) -> Ptm:
    """Decay of |1> to |0> with probability gamma in 0..1; 4 x 4.

    Coherences keep ``sqrt(1 - gamma)``.
    """
    survival = 1.0 - _checked("damping probability gamma", gamma)
    return freeze(_decay(1.0 - survival, survival, sqrt(survival)))


@lru_cache(maxsize=1024)
def joint_depolarising(p: float) -> Ptm:
    """``rho -> (1-p) rho + p I/4`` on two qubits together, p in 0..1; 16 x 16.

    Not the same as ``depolarising(p)`` on each of them: this one is forgotten at once or not at all.
    """
    kept = 1.0 - _checked("joint depolarising probability", p)
    return freeze(np.diag([1.0] + [kept] * 15))


def _decay(lost: float, survival: float, coherence: float) -> Ptm:
    """Matrix that leaves ``survival`` of Z and ``coherence`` of X and Y, and moves Z by ``lost`` towards
    |0>."""
    return np.array(
        [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, coherence, 0.0, 0.0],
            [0.0, 0.0, coherence, 0.0],
            [lost, 0.0, 0.0, survival],
        ]
    )


# --------------------------------------------------------------------------------------------- idle noise


class IdleNoise:
    """Relaxation, dephasing and depolarising of a qubit that waits.

    ``t1_ns``, ``t2_ns`` and ``depolarise_ns`` in nanoseconds; 0 or infinity switches that process off.
    By T1 and T2 the population of |1> decays as e^(-t/T1) towards |0> and coherence as e^(-t/T2). Without
    T1 nothing decays to |0>; without T2 there is no dephasing beyond what T1 brings, so coherence is
    e^(-t/(2 T1)). Depolarising takes all of the Bloch vector towards the mixed state, as e^(-t/T_D), on top
    of that: T2 is the coherence time of the other two processes alone.

    All act at once. With rates a = 1/T1 and d = 1/T_D the Bloch components obey z' = a (1 - z) - d z and
    x' = -(1/T2 + d) x, so z goes to a/(a + d), not to 1 nor to 0: damping and depolarising do not commute
    as channels, but waiting t and then t' is the same as waiting t + t'. Raises ``ValueError`` for a
    negative time, NaN, and ``T2 > 2 T1`` when both are on, which no channel has.

    The object is immutable and may be shared by any number of qubits.
    """

    __slots__ = ("_by_dt_ns", "_ground", "_rate_xy", "_rate_z", "depolarise_ns", "t1_ns", "t2_ns")

    def __init__(self, t1_ns: float, t2_ns: float, depolarise_ns: float = 0.0) -> None:
        for name, value in (("T1", t1_ns), ("T2", t2_ns), ("depolarising time", depolarise_ns)):
            if isnan(value) or value < 0:
                raise ValueError(f"{name} is {value!r} ns; allowed: 0 or more (0 and inf switch it off)")
        relaxes = 0 < t1_ns < inf
        dephases = 0 < t2_ns < inf
        # Configurations give T2 = 2 T1 as rounded decimals, which must not fail on the last digit.
        if relaxes and dephases and t2_ns > 2 * t1_ns * (1 + 1e-12):
            raise ValueError(f"T2 is {t2_ns!r} ns with T1 {t1_ns!r} ns; allowed: T2 at most 2 T1")
        self.t1_ns: Final = t1_ns
        self.t2_ns: Final = t2_ns
        self.depolarise_ns: Final = depolarise_ns
        damping = 1.0 / t1_ns if relaxes else 0.0
        mixing = 1.0 / depolarise_ns if 0 < depolarise_ns < inf else 0.0
        self._rate_z: Final = damping + mixing
        self._rate_xy: Final = (1.0 / t2_ns if dephases else damping / 2) + mixing
        self._ground: Final = damping / self._rate_z if self._rate_z else 0.0  # where z ends
        self._by_dt_ns: dict[int, Ptm] = {}

    def __repr__(self) -> str:
        return f"IdleNoise(t1_ns={self.t1_ns!r}, t2_ns={self.t2_ns!r}, depolarise_ns={self.depolarise_ns!r})"

    def survival(self, dt_ns: int) -> float:
        """Factor on a difference of populations after ``dt_ns``: e^(-t/T1 - t/T_D)."""
        return exp(-dt_ns * self._rate_z)

    def coherence(self, dt_ns: int) -> float:
        """Factor on rho_01 after ``dt_ns``: e^(-t/T2 - t/T_D)."""
        return exp(-dt_ns * self._rate_xy)

    def ptm(self, dt_ns: int) -> Ptm:
        """The transfer matrix of waiting ``dt_ns`` nanoseconds (0 or more); 4 x 4, read-only,
        remembered."""
        known = self._by_dt_ns.get(dt_ns)
        if known is not None:
            return known
        if dt_ns < 0:
            raise ValueError(f"waiting time is {dt_ns} ns; allowed: 0 or more")
        # expm1 keeps the share lost exact where 1 - e^(-x) would cancel: nanoseconds against hours.
        lost = -expm1(-dt_ns * self._rate_z)
        made = _decay(self._ground * lost, 1.0 - lost, exp(-dt_ns * self._rate_xy))
        made.setflags(write=False)
        if len(self._by_dt_ns) >= IDLE_CACHE_SIZE:
            self._by_dt_ns.clear()
        self._by_dt_ns[dt_ns] = made
        return made


# ------------------------------------------------------------------------------------------------- readout


def readout_kraus(e0: float, e1: float) -> tuple[Matrix, Matrix]:
    """Kraus matrices of outcomes 0 and 1 of a Z readout with errors ``e0 = P(1|0)`` and ``e1 = P(0|1)``.

    ``M0 = diag(sqrt(1-e0), sqrt(e1))``, ``M1 = diag(sqrt(e0), sqrt(1-e1))``; each 2 x 2, errors in 0..1.
    """
    _checked("readout error e0", e0)
    _checked("readout error e1", e1)
    zero = np.diag([sqrt(1.0 - e0), sqrt(e1)]).astype(np.complex128)
    one = np.diag([sqrt(e0), sqrt(1.0 - e1)]).astype(np.complex128)
    return zero, one


@lru_cache(maxsize=1024)
def readout_branch(outcome: int, e0: float, e1: float) -> Ptm:
    """Transfer matrix of one outcome of ``readout_kraus``, not normalised: ``M rho M^dagger``; 4 x 4.

    Component I of its result is the probability of the outcome.
    """
    if outcome not in (0, 1):
        raise ValueError(f"outcome is {outcome!r}; allowed: 0, 1")
    _checked("readout error e0", e0)
    _checked("readout error e1", e1)
    weight0, weight1 = (1.0 - e0, e1) if outcome == 0 else (e0, 1.0 - e1)
    mean = (weight0 + weight1) / 2
    difference = (weight0 - weight1) / 2
    coherence = sqrt(weight0 * weight1)
    return freeze(
        np.array(
            [
                [mean, 0.0, 0.0, difference],
                [0.0, coherence, 0.0, 0.0],
                [0.0, 0.0, coherence, 0.0],
                [difference, 0.0, 0.0, mean],
            ]
        )
    )


def reported_bit(outcome: int, u: float, e0: float, e1: float) -> int:
    """The bit a classically faulty readout reports for a true ``outcome``; ``u`` in [0, 1) decides.

    An outcome of 0 is reported as 1 iff ``u < e0``, an outcome of 1 as 0 iff ``u < e1``.
    """
    return outcome ^ 1 if u < (e1 if outcome else e0) else outcome

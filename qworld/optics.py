"""What links share that interfere photons at a station between their ends: losses, detectors, timing.

`Optics` are the fields of such links; it gives the detection probability per side (`etas`), the dark count
probability (`dark`) and the times of an attempt (`cycle`, `measure_cycle`). `clicks` says how often one
photon more or less looks like exactly one click, `psi_tensors` writes down the pairs that are left. One end
of the link, the node named first, is `a`, the other `b`; basis states are |ab>, 1 the bright state, the one
that emits.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from qruntime.limits import LONGEST_NS
from qworld.gates import Tensor
from qworld.working_point import LEAST_SUCCESS

LIGHT_KM_PER_S: Final = 299_792.458  # in vacuum

Detectors = Literal["threshold", "resolving"]
Probability = Annotated[float, Meta(ge=0, le=1)]
Kilometres = Annotated[float, Meta(ge=0, le=100_000)]
Attenuation = Annotated[float, Meta(ge=0, le=1000)]
Speed = Annotated[float, Meta(ge=1000, le=LIGHT_KM_PER_S)]
Duration = Annotated[float, Meta(ge=0, le=LONGEST_NS)]
Vector = NDArray[np.float64]


class Clicks(NamedTuple):
    """Probability that exactly one of two detectors reports exactly one click, when none, one or two photons
    come to the beam splitter."""

    none: float
    one: float
    two: float


def clicks(detectors: Detectors, dark: float, visibility: float) -> Clicks:
    """For detectors that click once for any number of photons (threshold) or count them (resolving).

    `dark` is the probability of a dark count per detector and window; one that counts photons counts it
    too. `visibility` is that of Hong-Ou-Mandel interference, the squared overlap of the two photons: they
    leave together with probability (1 + V)/2.
    """
    none = 2 * dark * (1 - dark)
    if detectors == "threshold":
        return Clicks(none, 1 - dark, (1 + visibility) * (1 - dark) / 2)
    return Clicks(none, (1 - dark) ** 2, 0.0)


def transmission(length_km: float, attenuation_db_per_km: float) -> float:
    """Probability that a photon comes through a fibre."""
    return float(10 ** (-attenuation_db_per_km * length_km / 10))


def psi_tensors(z_a: Vector, z_b: Vector, zz: Vector, coherence: Vector) -> Tensor:
    """States of pairs heralded as |Psi+> and |Psi->; shape (n, 2, 4, 4), each a Pauli tensor, read-only.

    `z_a` is <ZI>, `z_b` <IZ>, `zz` <ZZ>, each of shape (n,); `coherence` is that between |01> and |10>, its
    sign + for |Psi+>. All other coherences are zero.
    """
    tensors = np.zeros((len(zz), 2, 4, 4))
    tensors[:, :, 0, 0] = 1
    tensors[:, :, 3, 0] = z_a[:, None]
    tensors[:, :, 0, 3] = z_b[:, None]
    tensors[:, :, 3, 3] = zz[:, None]
    for outcome, sign in enumerate((1, -1)):
        tensors[:, outcome, 1, 1] = tensors[:, outcome, 2, 2] = 2 * sign * coherence
    tensors.setflags(write=False)
    return tensors


class Optics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fibres, detectors and times of a link with a station in the middle.

    A field with `_a` (the end named first) or `_b` says for that end what the one without says for both. A
    photon is detected with probability efficiency * emission_probability * collection_efficiency *
    (1 - p_loss_init) * 10^(-attenuation * length / 10) * detector_efficiency, the length that of the
    photon's own arm.
    """

    length_km: Annotated[
        Kilometres, Meta(description="fibre from end to end; the station stands in the middle")
    ] = 0.0
    length_a_km: Annotated[Kilometres | None, Meta(description="fibre from the first end to the station")] = (
        None
    )
    length_b_km: Annotated[
        Kilometres | None, Meta(description="fibre from the second end to the station")
    ] = None
    attenuation_db_per_km: Annotated[Attenuation, Meta(description="loss in the fibre")] = 0.25
    attenuation_a_db_per_km: Annotated[Attenuation | None, Meta(description="the same, first end")] = None
    attenuation_b_db_per_km: Annotated[Attenuation | None, Meta(description="the same, second end")] = None
    speed_of_light_km_per_s: Annotated[Speed, Meta(description="speed of light in the fibre")] = 200_000.0
    speed_of_light_a_km_per_s: Annotated[Speed | None, Meta(description="the same, first end")] = None
    speed_of_light_b_km_per_s: Annotated[Speed | None, Meta(description="the same, second end")] = None
    efficiency: Annotated[
        Probability,
        Meta(description="all that is not said by the other factors: for sources that give one number"),
    ] = 1.0
    efficiency_a: Annotated[Probability | None, Meta(description="the same, first end")] = None
    efficiency_b: Annotated[Probability | None, Meta(description="the same, second end")] = None
    emission_probability: Annotated[
        Probability, Meta(description="probability to emit into the wanted line")
    ] = 1.0
    collection_efficiency: Annotated[
        Probability, Meta(description="probability that an emitted photon is collected")
    ] = 1.0
    p_loss_init: Annotated[
        Probability, Meta(description="probability to lose the photon as it enters the fibre")
    ] = 0.0
    p_loss_init_a: Annotated[Probability | None, Meta(description="the same, first end")] = None
    p_loss_init_b: Annotated[Probability | None, Meta(description="the same, second end")] = None
    detector_efficiency: Annotated[
        Probability, Meta(description="probability that a photon that arrives is detected")
    ] = 1.0
    visibility: Annotated[
        Probability,
        Meta(
            description="of Hong-Ou-Mandel interference: squared overlap of the photons",
            extra={"noiseless": 1.0},
        ),
    ] = 1.0
    dark_count_probability: Annotated[
        Probability,
        Meta(description="probability of a dark count, per detector and window", extra={"noiseless": 0.0}),
    ] = 0.0
    dark_count_rate_hz: Annotated[
        Annotated[float, Meta(ge=0, le=1e12)],
        Meta(
            description="dark counts per detector and second, in place of their probability",
            extra={"noiseless": 0.0},
        ),
    ] = 0.0
    window_ns: Annotated[
        Duration, Meta(description="how long detectors wait for a photon; a part of each attempt")
    ] = 0.0
    prep_ns: Annotated[
        Duration, Meta(description="time to prepare the communication qubits, a part of each attempt")
    ] = 0.0
    emit_ns: Annotated[Duration, Meta(description="time to emit, a part of each attempt")] = 0.0
    readout_ns: Annotated[
        Duration, Meta(description="time to read a qubit out, a part of attempts that are measured at once")
    ] = 0.0
    cycle_ns: Annotated[
        Duration | None,
        Meta(description="time of an attempt whose pair is kept; null: from the times and lengths"),
    ] = None
    measure_cycle_ns: Annotated[
        Duration | None,
        Meta(description="time of an attempt that is measured at once; null: cycle_ns, or from the times"),
    ] = None

    sided: ClassVar[tuple[str, ...]] = (
        "length_km",
        "attenuation_db_per_km",
        "speed_of_light_km_per_s",
        "efficiency",
        "p_loss_init",
    )
    """Fields that have one of their own for each end."""

    def __post_init__(self) -> None:
        for field in self.sided:
            self._check_said_once(field)
        if self.dark_count_rate_hz and self.dark_count_probability:
            raise ValueError(
                f"dark_count_rate_hz is {self.dark_count_rate_hz:g} beside a dark_count_probability; "
                "allowed: one of the two"
            )
        if self.dark_count_rate_hz and not self.window_ns:
            raise ValueError("window_ns is 0; with dark_count_rate_hz a window above 0 is needed")
        if self.cycle_ns is None and not self.cycle():
            raise ValueError("cycle_ns is null, and no length or time says how long an attempt takes")

    def _check_said_once(self, field: str) -> None:
        a, b = _of_each_end(field)
        said = getattr(self, field)
        if said != _default(type(self), field) and None not in (getattr(self, a), getattr(self, b)):
            raise ValueError(f"{field} is {said:g}, but {a} and {b} say it for both ends; allowed: either")

    def _check_success(self, probability: float) -> None:
        """A link that all but never succeeds is a mistake, and its attempts could not be counted."""
        if not probability >= LEAST_SUCCESS:
            eta_a, eta_b = self.etas()
            raise ValueError(
                f"efficiency is {self.efficiency:g}; photons are detected with probability {eta_a:.3g} and "
                f"{eta_b:.3g}, an attempt succeeds with {probability:.3g}; allowed: at least {LEAST_SUCCESS}"
            )

    def arms_km(self) -> tuple[float, float]:
        """The fibre from each end to the station."""
        half = self.length_km / 2
        return _or(self.length_a_km, half), _or(self.length_b_km, half)

    def etas(self) -> tuple[float, float]:
        """For each side, the probability that the photon of a bright qubit is detected."""
        both = self.emission_probability * self.collection_efficiency * self.detector_efficiency
        arm_a_km, arm_b_km = self.arms_km()
        loss = self.attenuation_db_per_km
        return (
            both
            * _or(self.efficiency_a, self.efficiency)
            * (1 - _or(self.p_loss_init_a, self.p_loss_init))
            * transmission(arm_a_km, _or(self.attenuation_a_db_per_km, loss)),
            both
            * _or(self.efficiency_b, self.efficiency)
            * (1 - _or(self.p_loss_init_b, self.p_loss_init))
            * transmission(arm_b_km, _or(self.attenuation_b_db_per_km, loss)),
        )

    def dark(self) -> float:
        """Probability of a dark count per detector and window; at a rate r over t it is 1 - e^(-r t)."""
        return self.dark_count_probability - math.expm1(-self.dark_count_rate_hz * self.window_ns * 1e-9)

    def cycle(self) -> float:
        """ns of an attempt whose pair is kept: prepare, emit, light to the station and the answer back."""
        if self.cycle_ns is not None:
            return self.cycle_ns
        arm_a_km, arm_b_km = self.arms_km()
        speed = self.speed_of_light_km_per_s
        travel_s = max(
            2 * arm_a_km / _or(self.speed_of_light_a_km_per_s, speed),
            2 * arm_b_km / _or(self.speed_of_light_b_km_per_s, speed),
        )
        return self.prep_ns + self.emit_ns + travel_s * 1e9 + self.window_ns

    def measure_cycle(self) -> float:
        """ns of an attempt that is measured at once: nobody waits for the answers, they come in a pipeline.

        Without any times of the qubits there is nothing to go by but `cycle`.
        """
        if self.measure_cycle_ns is not None:
            return self.measure_cycle_ns
        local_ns = self.prep_ns + self.emit_ns + self.readout_ns
        return local_ns if local_ns and self.cycle_ns is None else self.cycle()


def _or(own: float | None, both: float) -> float:
    return both if own is None else own


@cache
def _of_each_end(field: str) -> tuple[str, str]:
    """``length_km`` -> ``length_a_km``, ``length_b_km``: the unit stays last."""
    for unit in ("_db_per_km", "_km_per_s", "_km"):
        if field.endswith(unit):
            name = field.removesuffix(unit)
            return f"{name}_a{unit}", f"{name}_b{unit}"
    return f"{field}_a", f"{field}_b"


@cache
def _default(link: type[Optics], field: str) -> object:
    return next(each.default for each in msgspec.structs.fields(link) if each.name == field)

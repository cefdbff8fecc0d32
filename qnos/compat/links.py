"""Configurations of SquidASM's quantum and classical links, and what they are here.

Times are in ns, lengths in km, speeds in km/s, attenuation in dB/km.
"""

from __future__ import annotations

from typing import Any, Final

from qnos.compat.model import Model, warn_once
from qruntime.errors import ConfigError

_SPEED: Final = 200_000.0
_LEAST_FIDELITY: Final = 0.99  # what a single-click link is set to reach


def travel_ns(length_km: float, speed_km_per_s: float) -> float:
    """How long light takes."""
    return length_km / speed_km_per_s * 1e9


class ILinkConfig(Model):
    """Base of configurations of quantum links."""

    def link(self) -> dict[str, Any]:
        """The link, as a network file of ours says it."""
        raise NotImplementedError


class PerfectQLinkConfig(ILinkConfig):
    """|Phi+> after `state_delay`, always; or after the light's travel over `length`."""

    state_delay: float | None = None
    length: float | None = None
    speed_of_light: float = _SPEED

    def _check(self) -> None:
        if self.state_delay is not None and self.length is not None:
            raise ValueError("state_delay and length both say how long a pair takes; give one of them")

    def link(self) -> dict[str, Any]:
        """One attempt."""
        delay = 1000.0 if self.state_delay is None else self.state_delay
        if self.length is not None:
            delay = travel_ns(self.length, self.speed_of_light)
        return {"kind": "perfect", "delay_ns": delay}


class DepolariseLinkConfig(ILinkConfig):
    """A Werner state of this fidelity, after a geometric number of attempts."""

    fidelity: float
    prob_success: float
    t_cycle: float | None = None
    length: float | None = None
    speed_of_light: float = _SPEED
    random_bell_state: bool = False

    def _check(self) -> None:
        if (self.t_cycle is None) == (self.length is None):
            raise ValueError("give either t_cycle or length, to say how long an attempt takes")

    def link(self) -> dict[str, Any]:
        """(1-p) Phi+ + p I/4 with p = 4 (1-F)/3."""
        cycle = self.t_cycle
        if cycle is None:
            assert self.length is not None
            cycle = travel_ns(self.length, self.speed_of_light)
        return {
            "kind": "depolarise",
            "fidelity": self.fidelity,
            "success_probability": self.prob_success,
            "cycle_ns": cycle,
            "random_bell_state": self.random_bell_state,
        }


class _Heralded(ILinkConfig):
    """Fibres to a station in the middle. A field with _A or _B says for that end what the one without says
    for both."""

    length: float | None = None
    length_A: float | None = None
    length_B: float | None = None
    p_loss_init: float = 0
    p_loss_init_A: float | None = None
    p_loss_init_B: float | None = None
    p_loss_length: float = 0.25
    p_loss_length_A: float | None = None
    p_loss_length_B: float | None = None
    speed_of_light: float = _SPEED
    speed_of_light_A: float | None = None
    speed_of_light_B: float | None = None
    emission_fidelity: float = 1
    emission_fidelity_A: float | None = None
    emission_fidelity_B: float | None = None
    dark_count_probability: float = 0
    detector_efficiency: float = 1
    visibility: float = 1
    num_resolving: bool = False

    def _arms(self) -> tuple[float, float]:
        half = None if self.length is None else self.length / 2
        a = half if self.length_A is None else self.length_A
        b = half if self.length_B is None else self.length_B
        if a is None or b is None:
            raise ConfigError("a heralded link needs a length, or length_A and length_B")
        return a, b

    def _optics(self) -> dict[str, Any]:
        a, b = self._arms()
        ends = {"A": "a", "B": "b"}
        said: dict[str, Any] = {
            "length_a_km": a,
            "length_b_km": b,
            "dark_count_probability": self.dark_count_probability,
            "detector_efficiency": self.detector_efficiency,
            "visibility": self.visibility,
            "detectors": "resolving" if self.num_resolving else "threshold",
        }
        for end, ours in ends.items():
            for name, field in (
                ("p_loss_init", f"p_loss_init_{ours}"),
                ("p_loss_length", f"attenuation_{ours}_db_per_km"),
                ("speed_of_light", f"speed_of_light_{ours}_km_per_s"),
            ):
                own = getattr(self, f"{name}_{end}")
                said[field] = getattr(self, name) if own is None else own
        if a + b == 0:
            said["cycle_ns"] = 0.0
        return said

    def _emission(self) -> tuple[float, float]:
        a, b = self.emission_fidelity_A, self.emission_fidelity_B
        both = self.emission_fidelity
        return (both if a is None else a, both if b is None else b)


class HeraldedLinkConfig(_Heralded):
    """Two clicks in two time windows herald Psi+ or Psi-."""

    coin_prob_ph_ph: float = 1
    coin_prob_ph_dc: float = 1
    coin_prob_dc_dc: float = 1
    num_multiplexing_modes: int = 1

    def link(self) -> dict[str, Any]:
        """The double-click link."""
        a, b = self._emission()
        return {
            "kind": "double_click",
            **self._optics(),
            "emission_fidelity_a": a,
            "emission_fidelity_b": b,
            "coincidence_photon_photon": self.coin_prob_ph_ph,
            "coincidence_photon_dark": self.coin_prob_ph_dc,
            "coincidence_dark_dark": self.coin_prob_dc_dc,
            "num_multiplexing_modes": self.num_multiplexing_modes,
        }


class HeraldedSingleClickQLinkConfig(_Heralded):
    """One click heralds Psi+ or Psi-; the bright-state population is the largest with fidelity 0.99."""

    def link(self) -> dict[str, Any]:
        """The single-click link."""
        if self._emission() != (1, 1):
            warn_once("HeraldedSingleClickQLinkConfig: emission_fidelity has no effect on this link")
        said = {"kind": "single_click", **self._optics()}
        return {**said, "bright_state_population": self._population(said)}

    def _population(self, said: dict[str, Any]) -> float:
        from qworld.single_click import SingleClickLink  # numerics that other links do not need
        from qworld.working_point import PARAMETER_UNIT

        optics = {key: value for key, value in said.items() if key != "kind"}
        points = SingleClickLink(**optics, bright_state_population=0.001).points()
        good = [point for point in points if point.fidelity >= _LEAST_FIDELITY]
        if not good:
            best = max(point.fidelity for point in points)
            raise ConfigError(
                f"a single-click link is to reach fidelity {_LEAST_FIDELITY}; with these parameters it "
                f"reaches {best:.4f}"
            )
        return max(good, key=lambda point: point.success_probability).parameter / PARAMETER_UNIT


class IClinkConfig(Model):
    """Base of configurations of classical links."""

    def delay_ns(self) -> int:
        """How long a message takes."""
        raise NotImplementedError


class InstantCLinkConfig(IClinkConfig):
    """Messages take no time."""

    def delay_ns(self) -> int:
        """None."""
        return 0


class DefaultCLinkConfig(IClinkConfig):
    """Messages take `delay`, or the light's travel over `length`."""

    delay: float | None = None
    length: float | None = None
    speed_of_light: float = _SPEED

    def _check(self) -> None:
        if (self.delay is None) == (self.length is None):
            raise ValueError("give either delay or length, to say how long a message takes")

    def delay_ns(self) -> int:
        """To the nearest ns."""
        if self.delay is not None:
            return round(self.delay)
        assert self.length is not None
        return round(travel_ns(self.length, self.speed_of_light))


LINKS: dict[str, type[ILinkConfig]] = {
    "perfect": PerfectQLinkConfig,
    "depolarise": DepolariseLinkConfig,
    "heralded": HeraldedLinkConfig,
    "heralded-double-click": HeraldedLinkConfig,
    "heralded-single-click": HeraldedSingleClickQLinkConfig,
}
CLINKS: dict[str, type[IClinkConfig]] = {"instant": InstantCLinkConfig, "default": DefaultCLinkConfig}


def link_of(where: str, kind: str, given: Any) -> dict[str, Any]:
    """The quantum link of this type; `ConfigError` that says where if there is no such type, or it refuses
    its configuration."""
    config: ILinkConfig = _made(where, kind, given, LINKS)
    return config.link()


def clink_delay_ns(where: str, kind: str, given: Any) -> int:
    """How long a message takes on the classical link of this type."""
    config: IClinkConfig = _made(where, kind, given, CLINKS)
    return config.delay_ns()


def _made(where: str, kind: str, given: Any, known: Any) -> Any:
    if kind not in known:
        raise ConfigError(f"{where}: typ is {kind!r}; allowed: {', '.join(known)}")
    cls = known[kind]
    if isinstance(given, str) and given in ("None", "null"):
        warn_once(f"{where}: cfg is the text {given!r}, which is taken for nothing (null in YAML)")
        given = None
    if given is None:
        given = {}
    if isinstance(given, cls):
        return given
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: cfg is {given!r}; allowed: a {cls.__name__} or a mapping")
    return cls(**given)

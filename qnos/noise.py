"""The noise in force on a network, said in words: nobody should have to guess whether a default is noisy.

`effective_noise(network)` gives one line per group of equal devices and of equal links. `link_facts(link)`
says what the parameters of a link amount to.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from msgspec import inspect

from qdriver import registry
from qdriver.spec import DeviceSpec
from qnos import fields
from qnos.config import DeviceConfig, LinkConfig, NetworkConfig
from qnos.units import duration


class LinkFacts(NamedTuple):
    """What the parameters of a link amount to.

    Fidelity of a heralded pair to its Bell state, probability that one attempt heralds, duration of an
    attempt, and mean time from the first attempt to a pair, in ns.
    """

    fidelity: float
    success_probability: float
    cycle_ns: float
    mean_pair_ns: float


def effective_noise(network: NetworkConfig) -> list[str]:
    """Lines such as ``alice, bob: T1 10 s, T2 1 s, two_qubit_gate_depolarise 0.01``.

    What has no noise says so. Coherence times come from the device's spec; of the device's parameters every
    probability other than 0 counts as noise, unless it matters only beside another that is 0.
    """
    groups: dict[str, list[str]] = {}
    for node in network.nodes:
        groups.setdefault(device_noise(node.device), []).append(node.name)
    for link in network.links:
        groups.setdefault(link_noise(link), []).append("-".join(link.nodes))
    return [f"{', '.join(names)}: {text}" for text, names in groups.items()]


def device_noise(device: DeviceConfig) -> str:
    """The noise of one device; ``noiseless device`` if it has none."""
    spec = registry.hardware(device.kind).spec(device.parameters, {})
    parts = _coherence(spec)
    for row in fields.rows(type(device.parameters)):
        value = getattr(device.parameters, row.name)
        beside = _extra(row.info).get("matters_with")
        if _is_probability(row.info) and value and (beside is None or getattr(device.parameters, beside)):
            parts.append(f"{row.name} {fields.number(value)}")
    return ", ".join(parts) or "noiseless device"


def link_noise(link: LinkConfig) -> str:
    """The fidelity of a link's pairs by default and how often they come, and the highest that a request can
    have if there is a choice; says so if they are perfect."""
    facts = link_facts(link)
    pair = "perfect pairs" if facts.fidelity == 1 else f"pairs of fidelity {fields.number(facts.fidelity)}"
    text = f"{pair}, one in {duration(facts.mean_pair_ns)} on average"
    best = max(point.fidelity for point in link.model.points())
    return text if best == facts.fidelity else f"{text}; up to {fields.number(best)} on request"


def link_facts(link: LinkConfig) -> LinkFacts:
    """What a link's parameters amount to where it is run by default, as its model says."""
    point = link.model.points()[0]
    return LinkFacts(
        fidelity=point.fidelity,
        success_probability=point.success_probability,
        cycle_ns=point.cycle_ns,
        mean_pair_ns=point.cycle_ns / point.success_probability,
    )


def _coherence(spec: DeviceSpec) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for qubit in spec.qubits:
        times = [
            f"{name} {duration(time_ns)}"
            for name, time_ns in (
                ("T1", qubit.t1_ns),
                ("T2", qubit.t2_ns),
                ("idle depolarising", qubit.depolarise_ns),
            )
            if math.isfinite(time_ns)
        ]
        roles = kinds.setdefault(", ".join(times), [])
        if qubit.role not in roles:
            roles.append(qubit.role)
    if len(kinds) == 1:
        return [text for text in kinds if text]
    return [f"{' and '.join(roles)} qubits {text or 'without decay'}" for text, roles in kinds.items()]


def _extra(info: inspect.Type) -> dict[str, Any]:
    """What a schema says of a field beside its range and meaning."""
    found: dict[str, Any] = {}
    while isinstance(info, inspect.Metadata):
        found |= info.extra or {}
        info = info.type
    return found


def _is_probability(info: inspect.Type) -> bool:
    plain: Any = info
    while isinstance(plain, inspect.Metadata):
        plain = plain.type
    return isinstance(plain, inspect.FloatType) and plain.ge == 0 and plain.le == 1

"""The noise in force on a network, said in words: nobody should have to guess whether a default is noisy.

`effective_noise(network)` gives one line per group of equal devices and of equal links. `link_facts(link)`
says what the parameters of a link amount to. `sources(network)` lists every source of noise with the values
of the network that switch it off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import inspect

from qdriver import registry
from qdriver.spec import DeviceSpec
from qnos import fields
from qnos.config import DeviceConfig, LinkConfig, NetworkConfig
from qnos.units import duration

_COHERENCE = re.compile(r"(^|_)(t1|t2|depolarise)_ns$")


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


class Source(NamedTuple):
    """A source of noise: the parameter `name` of `where`, a kind of device or a link, as `strength` tells it;
    `off` has the paths and values of a network that switch it off, as `with_values` takes them."""

    where: str
    name: str
    strength: str
    off: dict[str, Any]


def sources(network: NetworkConfig) -> list[Source]:
    """Every source of noise in force, in the order of the schemas; what has no strength is left out.

    Of a device these are coherence times, probabilities, and what its schema gives a ``noiseless`` value; one
    source for all devices of a kind. Of a link they are what its schema gives one.
    """
    found: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    for node in network.nodes:
        at = f"nodes.{node.name}.device"
        for name, path, value, off in _device_sources(node.device.parameters, at):
            found.setdefault((node.device.kind, name), []).append((path, value, off))
    for link in network.links:
        ends = "-".join(link.nodes)
        for name, path, value, off in _in_force(link.model, f"links.{ends}", _declared(type(link.model))):
            found.setdefault((ends, name), []).append((path, value, off))
    return [
        Source(
            where,
            name,
            ", ".join(dict.fromkeys(_strength(name, value) for _, value, _ in entries)),
            {path: off for path, _, off in entries},
        )
        for (where, name), entries in found.items()
    ]


def _strength(name: str, value: float) -> str:
    return duration(value) if name.endswith("_ns") else fields.number(value)


_Entry = tuple[str, str, float, float]  # name of the source, path, value, value without noise


def _device_sources(parameters: Any, at: str) -> Iterator[_Entry]:
    """The sources of a device, those of single qubits under the name of what holds for all of them: of
    `carbons[0].t2_ns` that is `carbon_t2_ns`, of `single_qubits[0].t2_ns` it is `t2_ns`."""
    schema = type(parameters)
    rules = _declared(schema)
    for row in fields.rows(schema):
        extra = _extra(row.info)
        if row.name in rules or "matters_with" in extra:
            continue
        if _is_probability(row.info):
            rules[row.name] = 0.0
        elif _COHERENCE.search(row.name):
            rules[row.name] = math.inf
    for row in fields.rows(schema):
        beside = _extra(row.info).get("matters_with")
        if beside is not None and not getattr(parameters, beside):
            rules.pop(row.name, None)
    yield from _in_force(parameters, at, rules)
    for row in fields.rows(schema):
        parts = getattr(parameters, row.name)
        if not isinstance(parts, tuple):
            continue
        before = row.name.removesuffix("s") + "_"
        own = {name.removeprefix(before): off for name, off in rules.items() if name.startswith(before)}
        if not own:  # what holds for all is called the same
            before, own = "", rules
        for index, part in enumerate(parts):
            for name, path, value, off in _in_force(part, f"{at}.{row.name}.{index}", own):
                yield before + name, path, value, off


def _in_force(parameters: Any, at: str, rules: dict[str, float]) -> Iterator[_Entry]:
    """Those of the parameters with rules that make noise; one for a single end of a link (`_a`, `_b`) under
    the name of what holds for both."""
    for name, off in rules.items():
        value = getattr(parameters, name, None)
        if value is None or value == off or (math.isinf(off) and not value):
            continue
        both = name[:-2] if name.endswith(("_a", "_b")) and name[:-2] in rules else name
        yield both, f"{at}.{name}", value, off


def _declared(schema: type[Any]) -> dict[str, float]:
    """Field -> value without noise, where the schema says it."""
    extras: Iterable[tuple[str, dict[str, Any]]] = (
        (row.name, _extra(row.info)) for row in fields.rows(schema)
    )
    return {name: extra["noiseless"] for name, extra in extras if "noiseless" in extra}


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

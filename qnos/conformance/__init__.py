"""The conformance kit: what the OS relies on in a hardware plug-in, checked rule by rule.

`check(kind, parameters)` runs every rule of `RULES` on a kind of hardware, by name or ``module:Class``, and
gives a `Verdict` each; the first rules tell whether the later ones can be tried at all. Our own devices pass
the same rules. A rule looks at the plug-in from outside, as the OS and the world use it: driver and device
model are given operations, and what they do is compared with what the spec says and gates' names mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from qnos.conformance.boundary import (
    network_rule,
    parts_rule,
    refusal_rule,
    reset_rule,
    schema_rule,
    spec_rule,
)
from qnos.conformance.model import action_rule, noise_rule, readout_rule, timing_rule
from qnos.conformance.subject import Subject
from qnos.conformance.translation import history_rule, move_rule, translation_rule


class Verdict(NamedTuple):
    """A rule, and what was found against it: empty if it holds, None if it could not be tried."""

    rule: str
    broken: str | None


RULES: dict[str, Callable[[Subject], Iterable[str]]] = {
    "schema": schema_rule,
    "spec": spec_rule,
    "parts": parts_rule,
    "translation": translation_rule,
    "history": history_rule,
    "move": move_rule,
    "refusal": refusal_rule,
    "timing": timing_rule,
    "action": action_rule,
    "noise": noise_rule,
    "readout": readout_rule,
    "reset": reset_rule,
    "network": network_rule,
}
_FIRST = ("schema", "spec", "parts")  # nothing else can be tried without these
_TOLD = 3  # findings of one rule; more say the same again


def check(kind: str, parameters: Mapping[str, Any] | None = None) -> list[Verdict]:
    """Every rule's verdict on a kind of hardware with these parameters (defaults for the rest).

    Raises `ConfigError` if there is no such hardware.
    """
    subject = Subject(kind, parameters or {})
    verdicts: list[Verdict] = []
    for name, rule in RULES.items():
        if any(verdict.broken and verdict.rule in _FIRST for verdict in verdicts):
            verdicts.append(Verdict(name, None))
            continue
        found: list[str] = []
        try:
            found.extend(rule(subject))
        except Exception as error:  # whatever a plug-in does is a finding about it
            found.append(f"raised {type(error).__name__}: {error}")
        more = [f"and {len(found) - _TOLD} more"] * (len(found) > _TOLD)
        verdicts.append(Verdict(name, "; ".join([*found[:_TOLD], *more])))
    return verdicts


def title(rule: str) -> str:
    """What a rule demands, in a sentence."""
    return " ".join((RULES[rule].__doc__ or "").split())


def holds(verdicts: Iterable[Verdict]) -> bool:
    """Whether every rule was tried and holds."""
    return all(verdict.broken == "" for verdict in verdicts)

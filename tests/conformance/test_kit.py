"""The conformance kit finds what is wrong with a plug-in, names it, and finds nothing wrong with ours."""

from __future__ import annotations

import re
from typing import Any

import pytest

from qnos.conformance import RULES, Verdict, check, holds, title
from qnos.sets import load_set, shipped_sets
from qruntime.errors import ConfigError
from tests.conformance.broken import BROKEN, SOUND, Broken

FIRST = {"schema", "spec", "parts"}


def findings(verdicts: list[Verdict]) -> dict[str, str]:
    """What was found against each rule that is broken."""
    return {verdict.rule: verdict.broken for verdict in verdicts if verdict.broken}


@pytest.mark.parametrize("broken", BROKEN, ids=[broken.plugin.__name__ for broken in BROKEN])
def test_broken_plugin_is_found_out(broken: Broken) -> None:
    verdicts = check(broken.kind)
    found = findings(verdicts)
    assert re.search(broken.words, found.get(broken.rule, "it holds")), found
    assert set(found) == {broken.rule} | broken.consequences, found
    untried = {verdict.rule for verdict in verdicts if verdict.broken is None}
    if broken.rule in FIRST:  # the rules after it cannot be tried
        assert untried == set(list(RULES)[list(RULES).index(broken.rule) + 1 :])
    else:
        assert untried == set()
    assert not holds(verdicts)


def test_every_rule_is_broken_by_somebody() -> None:
    assert {broken.rule for broken in BROKEN} == set(RULES)


@pytest.mark.parametrize("kind", SOUND)
def test_what_the_broken_ones_derive_from_is_sound(kind: str) -> None:
    assert findings(check(kind)) == {}


OURS: list[tuple[str, dict[str, Any]]] = [
    *(("generic", {"num_qubits": n}) for n in range(1, 6)),
    ("generic", {"tick_ns": 7}),
    ("generic", {"tick_ns": 20_000, "num_qubits": 3}),
    ("generic", {"single_qubit_gate_ns": 0, "two_qubit_gate_ns": 0, "init_ns": 0, "measure_ns": 0}),
    ("generic", {"t1_ns": 1e6, "t2_ns": 1e6, "depolarise_ns": 1e7, "two_qubit_noise": "joint"}),
    ("generic", {"readout_error_0": 0.05, "readout_error_1": 0.1, "init_depolarise": 0.02}),
    *(("nv", {"num_qubits": n}) for n in range(1, 6)),
    ("nv", {"num_qubits": 3, "mov": "cnots"}),
    ("nv", {"num_qubits": 3, "tick_ns": 20}),
    *(("ion", {"num_qubits": n}) for n in range(1, 6)),
    ("ion", {"num_qubits": 3, "tick_ns": 1_000}),
    ("ion", {"num_qubits": 2, "dephasing": "collective"}),
]


@pytest.mark.parametrize(("kind", "parameters"), OURS, ids=str)
def test_our_devices_keep_every_rule(kind: str, parameters: dict[str, Any]) -> None:
    verdicts = check(kind, parameters)
    assert findings(verdicts) == {}
    assert holds(verdicts)


@pytest.mark.parametrize("name", shipped_sets("device"))
def test_every_shipped_parameter_set_keeps_every_rule(name: str) -> None:
    found = load_set(name, "device")
    assert findings(check(found.kind, found.parameters)) == {}


def test_verdicts_are_the_same_each_time() -> None:
    assert check("ion", {"num_qubits": 3}) == check("ion", {"num_qubits": 3})


def test_hardware_that_there_is_not_is_an_error_of_its_own() -> None:
    with pytest.raises(ConfigError, match="unknown device kind 'toaster'"):
        check("toaster")


def test_parameters_that_the_schema_refuses_are_a_finding() -> None:
    assert "num_qubits" in findings(check("generic", {"num_qubits": 0}))["schema"]


def test_every_rule_says_what_it_demands() -> None:
    assert all(title(rule).endswith(".") and len(title(rule)) > 40 for rule in RULES)

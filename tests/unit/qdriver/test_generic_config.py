"""Ranges of the generic device's parameters, as a network file meets them."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from qdriver.generic import GenericConfig, GenericHardware

FIELDS = msgspec.structs.fields(GenericConfig)


def load(**values: Any) -> GenericConfig:
    return msgspec.convert(values, GenericConfig)


def test_defaults_are_valid_and_noisy() -> None:
    config = load()
    assert config == GenericConfig()
    assert (config.num_qubits, config.t1_ns, config.t2_ns, config.two_qubit_gate_depolarise) == (
        2,
        1e10,
        1e9,
        0.01,
    )


@pytest.mark.parametrize("name", [f.name for f in FIELDS if f.name.endswith("_ns")])
def test_times_are_not_negative(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        load(**{name: -1})


@pytest.mark.parametrize(
    "name", [f.name for f in FIELDS if f.name.endswith("_depolarise") or "readout" in f.name]
)
@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_probabilities_are_probabilities(name: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        load(**{name: value})
    load(**{name: 0.0})
    load(**{name: 1.0})


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_number_of_qubits_has_a_range(count: int) -> None:
    with pytest.raises(msgspec.ValidationError, match="num_qubits"):
        load(num_qubits=count)
    assert load(num_qubits=1024).num_qubits == 1024


@pytest.mark.parametrize(
    ("t1_ns", "t2_ns", "allowed"),
    [
        (1e6, 2e6, True),
        (1e6, 2.000001e6, False),
        (1e6, 1e9, False),
        (1e6, 1.0, True),
        (0, 1e12, True),  # no damping
        (math.inf, 1e12, True),
        (0, 0, True),
        (1e6, 0, True),  # dephasing off: coherence goes with T1 alone, as if T2 were 2 T1
        (1e6, math.inf, True),
    ],
)
def test_t2_is_at_most_twice_t1(t1_ns: float, t2_ns: float, allowed: bool) -> None:
    if allowed:
        assert load(t1_ns=t1_ns, t2_ns=t2_ns).t2_ns == t2_ns
        return
    with pytest.raises(msgspec.ValidationError, match="with t1_ns 1e\\+06 at most 2e\\+06 is physical"):
        load(t1_ns=t1_ns, t2_ns=t2_ns)
    with pytest.raises(ValueError, match="at most 2e\\+06"):
        GenericConfig(t1_ns=t1_ns, t2_ns=t2_ns)


@pytest.mark.parametrize("name", ["t1_ns", "t2_ns", "depolarise_ns"])
def test_coherence_time_that_is_no_number_is_refused(name: str) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError)):
        load(**{name: math.nan})


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="t3_ns"):
        load(t3_ns=5)


def test_two_qubit_noise_is_one_of_two() -> None:
    assert load(two_qubit_noise="joint").two_qubit_noise == "joint"
    with pytest.raises(msgspec.ValidationError, match="two_qubit_noise"):
        load(two_qubit_noise="both")


def test_every_parameter_has_a_description() -> None:
    schema = msgspec.json.schema(GenericConfig)["$defs"]["GenericConfig"]["properties"]
    assert {f.name for f in FIELDS} == {name for name, entry in schema.items() if entry.get("description")}


def test_single_qubits_may_have_times_of_their_own() -> None:
    config = load(
        num_qubits=3, t1_ns=8.0, t2_ns=4.0, single_qubits=[{"t2_ns": 2.0}, {"t1_ns": 0, "t2_ns": 9}]
    )
    assert config.times_ns == ((8.0, 2.0), (0.0, 9.0), (8.0, 4.0))
    spec = GenericHardware.spec(config, {})
    assert [(qubit.t1_ns, qubit.t2_ns) for qubit in spec.qubits] == [(8, 2), (math.inf, 9), (8, 4)]
    with pytest.raises(msgspec.ValidationError, match=r"single_qubits\[1\].t2_ns is 9; with t1_ns 4"):
        load(single_qubits=[{}, {"t1_ns": 4.0, "t2_ns": 9.0}])
    with pytest.raises(msgspec.ValidationError, match="single_qubits describes 3 of them; num_qubits is 2"):
        load(single_qubits=[{}, {}, {}])

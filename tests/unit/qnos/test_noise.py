"""The noise in force, in words."""

from __future__ import annotations

import pytest

from qnos.facts import Facts
from qnos.loading import load_network, with_values
from qnos.noise import effective_noise
from qnos.units import duration


def test_equal_devices_and_equal_links_share_a_line() -> None:
    assert effective_noise(load_network("three_generic")) == [
        "alice, bob, charlie: T1 10 s, T2 1 s, two_qubit_gate_depolarise 0.01",
        "alice-bob, alice-charlie, bob-charlie: pairs of fidelity 0.95, one in 100 us on average",
    ]


def test_no_noise_is_said_too() -> None:
    assert effective_noise(load_network("perfect")) == [
        "alice, bob: noiseless device",
        "alice-bob: perfect pairs, one in 1 us on average",
    ]


def test_defaults_of_a_device_that_nobody_wrote_down_are_shown() -> None:
    network = load_network({"os": "ideal", "nodes": [{"name": "a", "device": {"kind": "generic"}}]})
    assert effective_noise(network) == ["a: T1 10 s, T2 1 s, two_qubit_gate_depolarise 0.01"]


def test_depolarising_of_idle_qubits_is_noise() -> None:
    network = with_values("perfect", {"nodes.bob.device.depolarise_ns": 4e8})
    assert "bob: idle depolarising 400 ms" in effective_noise(network)
    facts = Facts(network, {"a": "alice", "b": "bob"})
    assert (facts.is_noiseless("a"), facts.is_noiseless("b")) == (True, False)


@pytest.mark.parametrize(
    "field", ["init_depolarise", "single_qubit_gate_depolarise", "readout_error_0", "readout_error_1"]
)
def test_every_probability_of_a_device_counts_as_noise(field: str) -> None:
    noisy = with_values("perfect", {f"nodes.bob.device.{field}": 0.03})
    assert f"bob: {field} 0.03" in effective_noise(noisy)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "0 ns"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1000, "1 us"),
        (5_800_000, "5.8 ms"),
        (2.5e9, "2.5 s"),
        (float("inf"), "for ever"),
    ],
)
def test_durations_take_a_fitting_unit(time_ns: float, text: str) -> None:
    assert duration(time_ns) == text

"""A hardware plug-in is looked at before anything runs on it: `faults` says what is wrong with it.

The same sentences refuse a network file and appear in the verdicts of the conformance kit. Each begins with
the name of the rule that is broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qdriver.driver import QDriver
from qdriver.registry import hardware
from qdriver.spec import DeviceSpec, LinkPoint, broken_rules
from qworld.device import Device
from qworld.engine import Engine
from qworld.registry import device_model


def faults(kind: str, config: Any, links: Mapping[int, Sequence[LinkPoint]]) -> list[str]:
    """What is wrong with the spec, driver and device model that a plug-in makes; empty if nothing is."""
    plugin = hardware(kind)
    doing = "spec: spec()"
    try:
        spec = plugin.spec(config, links)
        broken = broken_rules(spec)
        if broken:
            return broken
        doing = "parts: driver()"
        driver = plugin.driver(spec)
        doing = "parts: device()"
        device = device_model(kind)(config, Engine())
        doing = "parts: the device model"
        return [f"parts: {sentence}" for sentence in misfits(spec, driver, device)]
    except Exception as error:  # a plug-in is other people's code
        return [f"{doing} raised {type(error).__name__}: {error}"]


def misfits(spec: DeviceSpec, driver: object, device: object) -> list[str]:
    """Where driver and device model are not what they have to be, or do not fit the spec."""
    if not isinstance(driver, QDriver):
        return [f"driver() gave {type(driver).__name__}; a qdriver.driver.QDriver is needed"]
    if not isinstance(device, Device):
        return [f"the device model is {type(device).__name__}; a qworld.device.Device is needed"]
    return [
        f"{what}: {declared} in the spec, {modelled} in the device model"
        for what, declared, modelled in (
            ("qubits", len(spec.qubits), len(device.qubits)),
            ("attempt_exclusive", spec.attempt_exclusive, device.attempt_exclusive),
            ("parallel", sorted(spec.parallel), sorted(device.parallel)),
        )
        if declared != modelled
    ]

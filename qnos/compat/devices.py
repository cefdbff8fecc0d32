"""Configurations of SquidASM's devices, and what they are here.

Times are in ns; 0 for a T1 or T2 means none.
"""

from __future__ import annotations

from typing import Any

from qnos.compat.model import Model, warn_once
from qruntime.errors import ConfigError


class IQDeviceConfig(Model):
    """Base of device configurations."""

    def device(self) -> dict[str, Any]:
        """The device, as a network file of ours says it."""
        raise NotImplementedError


class GenericQDeviceConfig(IQDeviceConfig):
    """Equal qubits, all of which can be entangled. The defaults are noisy."""

    num_qubits: int = 2
    num_comm_qubits: int = 2
    T1: float = 10_000_000_000
    T2: float = 1_000_000_000
    init_time: float = 10_000
    single_qubit_gate_time: float = 1_000
    two_qubit_gate_time: float = 100_000
    measure_time: float = 10_000
    single_qubit_gate_depolar_prob: float = 0.0
    two_qubit_gate_depolar_prob: float = 0.01

    @classmethod
    def perfect_config(cls, num_qubits: int = 100) -> GenericQDeviceConfig:
        """No noise, and no time for anything."""
        return cls(
            num_qubits=num_qubits,
            num_comm_qubits=num_qubits,
            T1=0,
            T2=0,
            init_time=0,
            single_qubit_gate_time=0,
            two_qubit_gate_time=0,
            measure_time=0,
            single_qubit_gate_depolar_prob=0,
            two_qubit_gate_depolar_prob=0,
        )

    def device(self) -> dict[str, Any]:
        """All qubits communicate, whatever `num_comm_qubits` says."""
        return {
            "kind": "generic",
            "num_qubits": self.num_qubits,
            "t1_ns": self.T1,
            "t2_ns": self.T2,
            "init_ns": round(self.init_time),
            "single_qubit_gate_ns": round(self.single_qubit_gate_time),
            "two_qubit_gate_ns": round(self.two_qubit_gate_time),
            "measure_ns": round(self.measure_time),
            "single_qubit_gate_depolarise": self.single_qubit_gate_depolar_prob,
            "two_qubit_gate_depolarise": self.two_qubit_gate_depolar_prob,
        }


class NVQDeviceConfig(IQDeviceConfig):
    """An NV centre: an electron at position 0, which is entangled and measured, and carbons. The defaults are
    noisy."""

    num_qubits: int = 2
    electron_init_depolar_prob: float = 0.05
    electron_single_qubit_depolar_prob: float = 0.0
    prob_error_0: float = 0.05
    prob_error_1: float = 0.005
    carbon_init_depolar_prob: float = 0.05
    carbon_z_rot_depolar_prob: float = 0.001
    ec_gate_depolar_prob: float = 0.008
    electron_T1: float = 1_000_000_000
    electron_T2: float = 300_000_000
    carbon_T1: float = 150_000_000_000
    carbon_T2: float = 1_500_000_000
    carbon_init: float = 310_000
    carbon_rot_x: float = 500_000
    carbon_rot_y: float = 500_000
    carbon_rot_z: float = 500_000
    electron_init: float = 2_000
    electron_rot_x: float = 5
    electron_rot_y: float = 5
    electron_rot_z: float = 5
    ec_controlled_dir_x: float = 500_000
    ec_controlled_dir_y: float = 500_000
    measure: float = 3_700

    @classmethod
    def perfect_config(cls, num_qubits: int = 2) -> NVQDeviceConfig:
        """Without errors of operations; times stay, and so do T1 and T2, which are noise."""
        return cls(
            num_qubits=num_qubits,
            electron_init_depolar_prob=0,
            electron_single_qubit_depolar_prob=0,
            prob_error_0=0,
            prob_error_1=0,
            carbon_init_depolar_prob=0,
            carbon_z_rot_depolar_prob=0,
            ec_gate_depolar_prob=0,
        )

    def device(self) -> dict[str, Any]:
        """Rotations of one spin about different axes have one duration here: the longest, with a warning if
        they differ."""
        return {
            "kind": "nv",
            "num_qubits": self.num_qubits,
            "electron_t1_ns": self.electron_T1,
            "electron_t2_ns": self.electron_T2,
            "electron_init_ns": round(self.electron_init),
            "electron_init_depolarise": self.electron_init_depolar_prob,
            "electron_gate_ns": self._one("electron_rot_x", "electron_rot_y", "electron_rot_z"),
            "electron_gate_depolarise": self.electron_single_qubit_depolar_prob,
            "measure_ns": round(self.measure),
            "readout_error_0": self.prob_error_0,
            "readout_error_1": self.prob_error_1,
            "carbon_t1_ns": self.carbon_T1,
            "carbon_t2_ns": self.carbon_T2,
            "carbon_init_ns": round(self.carbon_init),
            "carbon_init_depolarise": self.carbon_init_depolar_prob,
            "carbon_rot_xy_ns": self._one("carbon_rot_x", "carbon_rot_y"),
            "carbon_rot_xy_depolarise": self.carbon_z_rot_depolar_prob,
            "carbon_rot_z_ns": round(self.carbon_rot_z),
            "carbon_rot_z_depolarise": self.carbon_z_rot_depolar_prob,
            "electron_carbon_ns": self._one("ec_controlled_dir_x", "ec_controlled_dir_y"),
            "electron_carbon_depolarise": self.ec_gate_depolar_prob,
        }

    def _one(self, *names: str) -> int:
        times: list[float] = [getattr(self, name) for name in names]
        if len(dict.fromkeys(times)) > 1:
            said = ", ".join(f"{name} {time:g}" for name, time in zip(names, times, strict=True))
            warn_once(
                f"NVQDeviceConfig: {said} ns; one duration is known for all, {max(times):g} ns is taken"
            )
        return round(max(times))


DEVICES: dict[str, type[IQDeviceConfig]] = {"generic": GenericQDeviceConfig, "nv": NVQDeviceConfig}


def device_of(node: str, kind: str, given: Any) -> dict[str, Any]:
    """The device of a node; `ConfigError` for a type that is not known.

    Without a configuration it has the defaults, which are noisy, and says so.
    """
    if kind not in DEVICES:
        raise ConfigError(f"{node}: qdevice_typ is {kind!r}; allowed: {', '.join(DEVICES)}")
    cls = DEVICES[kind]
    said_nothing = given is None or (isinstance(given, dict) and not [key for key in given if key != "dummy"])
    if isinstance(given, str) and given in ("None", "null"):
        warn_once(f"{node}: qdevice_cfg is the text {given!r}, which is taken for nothing (null in YAML)")
        said_nothing = True
    if said_nothing:
        config = cls()
        warn_once(f"{node}: no qdevice_cfg, so this {kind} device is noisy: {_noise(config)}")
    elif isinstance(given, dict):
        config = cls(**given)
    elif isinstance(given, cls):
        config = given
    else:
        raise ConfigError(f"{node}: qdevice_cfg is {given!r}; allowed: a {cls.__name__} or a mapping")
    return config.device()


def _noise(config: IQDeviceConfig) -> str:
    """What is not ideal, in short."""
    words = ("prob", "T1", "T2")
    found = {
        name: value for name, value in config.model_dump().items() if any(word in name for word in words)
    }
    return ", ".join(f"{name} {value:g}" for name, value in found.items() if value)

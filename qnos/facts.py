"""What an application's `expected(facts, inputs)` may know: the parameters its programs run on, by role.

`Facts` answers questions about configuration only. It never sees a result or a state of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnos.config import NetworkConfig, OsConfig
from qnos.lab import Lab
from qworld.links import DepolariseLink, PerfectLink, WorkingPoint


class Facts:
    """The network under an application, seen through its placement (role -> node)."""

    def __init__(self, network: NetworkConfig, placement: Mapping[str, str]) -> None:
        self.network = network
        self.placement = dict(placement)

    @property
    def os(self) -> OsConfig:
        """Costs and policies of the OS."""
        return self.network.os

    def kind(self, role: str) -> str:
        """Kind of hardware under a role."""
        return self._node(role).kind  # type: ignore[no-any-return]

    def device(self, role: str) -> Any:
        """Parameters of the device under a role."""
        return self._node(role).parameters

    def link(self, a: str, b: str) -> WorkingPoint | None:
        """The link between two roles as it is run by default, None if their nodes have none."""
        found = self.network.link_between(self.placement[a], self.placement[b])
        return None if found is None else found.model.points()[0]

    def werner_fidelity(self, a: str, b: str) -> float | None:
        """Fidelity of delivered pairs if they are Werner states about |Phi+> (or perfect), None
        otherwise."""
        found = self.network.link_between(self.placement[a], self.placement[b])
        if found is None or not isinstance(found.model, PerfectLink | DepolariseLink):
            return None
        point = found.model.points()[0]
        if point.bell_states == (0,) or self.corrections_are_free(a, b):
            return point.fidelity
        return None

    def corrections_are_free(self, a: str, b: str) -> bool:
        """Whether turning another Bell state into |Phi+> costs nothing at these nodes."""
        return self.network.os.qnpu.correcting_side != "none" and all(
            self.is_noiseless(role) for role in (a, b)
        )

    def is_noiseless(self, role: str) -> bool:
        """Whether the generic device under a role has no noise of its own at all."""
        if self.kind(role) != "generic":
            return False
        device = self.device(role)
        return not (
            any(time for times in device.times_ns for time in times)
            or device.depolarise_ns
            or device.init_depolarise
            or device.single_qubit_gate_depolarise
            or device.two_qubit_gate_depolarise
            or device.readout_error_0
            or device.readout_error_1
        )

    def all_noiseless(self) -> bool:
        """`is_noiseless` of every role: closed forms in the link alone hold."""
        return all(self.is_noiseless(role) for role in self.placement)

    def lab(self) -> Lab:
        """An empty lab, to multiply out channels."""
        return Lab()

    def _node(self, role: str) -> Any:
        name = self.placement[role]
        return next(node.device for node in self.network.nodes if node.name == name)

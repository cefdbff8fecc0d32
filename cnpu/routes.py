"""Where the peers of a program are: worked out once per launch, the same in every shot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from cnpu.arguments import FIDELITY_NOT_STATED
from cnpu.launch import Launch
from qruntime.errors import ConfigError, ProgramError

SOCKETS_PER_SESSION: Final = 1024  # EPR socket ids of a session: session*1024 + index of the peer's role
SESSIONS: Final = 1 << 20  # after so many, ids come again: a register holds one, and the first are long over


class Routes:
    """The peers of one launch.

    `sockets` is what *register* opens: (socket, remote node, remote socket, fidelity) for every peer whose
    node shares an entanglement link with ours. The socket towards a peer has the peer's index among the
    roles, so both ends agree without talking.
    """

    __slots__ = ("_classical", "_epr", "_launch", "_node", "peers", "sockets")

    def __init__(
        self,
        launch: Launch,
        node: str,
        nodes: Sequence[str],
        latencies: Mapping[str, int],
        linked: Collection[str],
    ) -> None:
        """Raises `ConfigError` if the placement names unknown nodes, or another node for our own role."""
        roles = list(launch.placement)
        if launch.placement.get(launch.role) != node:
            raise ConfigError(f"role {launch.role} is not placed on node {node}: {launch.placement}")
        if len(roles) > SOCKETS_PER_SESSION:
            raise ConfigError(f"{len(roles)} roles; allowed 1..{SOCKETS_PER_SESSION}")
        self._launch = launch
        self._node = node
        self.peers = [role for role in roles if role != launch.role]
        self._classical: dict[str, tuple[str, int]] = {}
        self._epr: dict[str, tuple[int, int]] = {}
        sockets = []
        first = launch.session % SESSIONS * SOCKETS_PER_SESSION
        own = first + roles.index(launch.role)
        for index, role in enumerate(roles):
            place = launch.placement[role]
            if place not in nodes:
                raise ConfigError(f"role {role} is placed on node {place!r}; nodes are {', '.join(nodes)}")
            if role == launch.role:
                continue
            if place == node:
                self._classical[role] = ("", 0)
                continue
            if place in latencies:
                self._classical[role] = (f"{place}/cnpu", latencies[place])
            if place in linked:
                remote = nodes.index(place)
                self._epr[role] = (first + index, remote)
                sockets.append((first + index, remote, own, FIDELITY_NOT_STATED))
        self.sockets = tuple(sockets)

    @property
    def reachable(self) -> list[str]:
        """The peers that messages can be sent to."""
        return list(self._classical)

    @property
    def linked(self) -> list[str]:
        """The peers with whose node ours shares an entanglement link."""
        return list(self._epr)

    def serves(self, launch: Launch) -> bool:
        """Whether these are the routes of exactly this launch."""
        return self._launch is launch

    def classical(self, role: str) -> tuple[str, int]:
        """Actor and latency in ns towards the program of a role; the actor is "" on our own node."""
        route = self._classical.get(role)
        if route is None:
            self._check(role)
            raise ProgramError(
                f"no classical channel from {self._node} to {self._launch.placement[role]}, where {role} runs"
            )
        return route

    def epr(self, role: str) -> tuple[int, int]:
        """EPR socket id and remote node id towards a role."""
        route = self._epr.get(role)
        if route is None:
            self._check(role)
            place = self._launch.placement[role]
            if place == self._node:
                raise ProgramError(f"{role} runs on the same node {place}; entanglement is between nodes")
            raise ProgramError(f"no entanglement link from {self._node} to {place}, where {role} runs")
        return route

    def _check(self, role: str) -> None:
        if role not in self.peers:
            peers = ", ".join(self.peers) or "none"
            raise ProgramError(f"no peer {role!r} of {self._launch.role}; peers are: {peers}")

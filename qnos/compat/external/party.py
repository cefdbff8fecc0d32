"""What the calls of one program of an application need to know of where they are.

`here()` is the party whose program calls. Names are those of the application: roles, and nodes as its network
calls them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from netqasm.sdk.epr_socket import EPRSocket

from qnos.compat.application import Application, SocketRow
from qnos.compat.external.mail import Mail
from qnos.compat.guest import Guest, current
from qruntime.errors import ProgramError

if TYPE_CHECKING:
    from netqasm.sdk.network import NetworkInfo

    from qnos.compat.external.roundlog import RoundLog

_PER_ROLE: Final = 1 << 16  # EPR socket ids of a role
_PER_PEER: Final = 256  # of those, ids towards one peer


@dataclass(frozen=True)
class Cast:
    """What all parties of an application have in common.

    `placement` has the node of each role, `numbers` the number of each node, `links` the nodes that each
    shares a link with. `compiled` are the roles for which the SDK's own compiler makes subroutines.
    """

    placement: Mapping[str, str]
    numbers: Mapping[str, int]
    links: Mapping[str, Sequence[str]]
    info: type[NetworkInfo]
    compiled: Sequence[str] = ()

    @property
    def roles(self) -> list[str]:
        """In the order of the application."""
        return list(self.placement)


@dataclass(eq=False)
class Party:
    """One role of one round."""

    cast: Cast
    role: str
    guest: Guest
    log: RoundLog | None = None
    application: Application | None = None  # that is open
    applications: int = 0
    mail: Mail = field(init=False)

    def __post_init__(self) -> None:
        self.mail = Mail(self.guest)
        self.guest.place = self

    @property
    def node(self) -> str:
        """The node it is on."""
        return self.cast.placement[self.role]

    def sleep(self, seconds: float) -> None:
        """Wait for so many simulated seconds."""
        self.mail.sleep(seconds)

    def check_own(self, app_name: str, what: str) -> None:
        """Raise `ProgramError` unless `app_name` is this party's role."""
        if app_name != self.role:
            raise ProgramError(
                f"{what} of {app_name!r} in the program of {self.role!r}; a program acts for its own role"
            )

    def check_peer(self, role: str, what: str) -> None:
        """Raise `ValueError` unless `role` is another role of the application."""
        if role == self.role:
            raise ValueError(f"{what} of {self.role!r} to itself; name another role")
        if role not in self.cast.placement:
            raise ValueError(
                f"{what} to {role!r}, which is no role of the application; its roles are "
                f"{', '.join(self.cast.roles)}"
            )

    # --- EPR sockets --------------------------------------------------------------------------------------

    @property
    def first_socket(self) -> int:
        """The id of its first EPR socket, of those of all parties."""
        return (self.cast.roles.index(self.role) + 1) * _PER_ROLE

    def rows(self, sockets: Sequence[EPRSocket]) -> list[SocketRow]:
        """What *register* opens for the EPR sockets of a connection, which get the ids they have there.

        Both ends agree without talking: the ids of sockets are counted separately for each pair of roles, as
        programs may use one id towards several peers. A socket that is the only one to its peer, and
        that says another id for the far end than for itself, is number 0: there is no doubt about which is
        meant, even if the ids are not those that the peer has.
        """
        rows = []
        for socket in sockets:
            peer = socket.remote_app_name
            self.check_peer(peer, "EPR socket")
            self._check_link(peer)
            own, remote = _said(socket)
            if own != remote and sum(other.remote_app_name == peer for other in sockets) == 1:
                own = remote = 0
            if not (0 <= own < _PER_PEER and 0 <= remote < _PER_PEER):
                raise ProgramError(
                    f"EPR socket {own} to {peer}, remote id {remote}; allowed: 0..{_PER_PEER - 1}"
                )
            number = self.cast.roles.index(peer) * _PER_PEER + own
            there = (self.cast.roles.index(peer) + 1) * _PER_ROLE
            there += self.cast.roles.index(self.role) * _PER_PEER + remote
            socket._epr_socket_id = number
            node = self.cast.numbers[self.cast.placement[peer]]
            rows.append((self.first_socket + number, node, there, socket.min_fidelity))
        return rows

    def _check_link(self, peer: str) -> None:
        node, there = self.node, self.cast.placement[peer]
        if node == there:
            raise ProgramError(f"{self.role} and {peer} are both on {node}; entanglement is between nodes")
        if there not in self.cast.links[node]:
            linked = ", ".join(self.cast.links[node]) or "none"
            raise ProgramError(
                f"EPR socket to {peer}: no link between {node} and {there}, where {peer} runs; {node} has "
                f"links to {linked}"
            )


def _said(socket: EPRSocket) -> tuple[int, int]:
    """The ids as the program said them, also when a connection has given the socket another."""
    said = socket.__dict__.setdefault("_said", (socket.epr_socket_id, socket.remote_epr_socket_id))
    return int(said[0]), int(said[1])


def here(what: str) -> Party:
    """The party whose program calls; `ProgramError` that says what needs one if none does."""
    guest = current()
    place: Any = None if guest is None else guest.place
    if not isinstance(place, Party):
        raise ProgramError(
            f"{what} works only in `main` of a program of an application; run it with "
            "`qnos compat simulate DIR` or simulate_application()"
        )
    return place

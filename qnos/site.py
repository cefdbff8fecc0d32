"""Where the processes of one network find each other, and what protects their sockets.

Site.by_hand(network, process, secret)   for a process that a person starts, by addresses and keys of its file
Site.launched(runtime)                   for one that `qnos run --processes` or `qnos up` started
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from qnos.hosts_section import WORLD
from qnos.runtime_dir import RuntimeDir
from qruntime.addresses import is_loopback, split_holder
from qruntime.errors import ConfigError, NodeDown
from qruntime.intake import holder_of
from qruntime.keys import LOCAL, SECRET_SUFFIX, Guard, KeyPair, Keyring, parse_public, read_secret

if TYPE_CHECKING:
    from qnos.config import NetworkConfig


def key_directory() -> Path:
    """Where a user's keys are unless said otherwise: `$XDG_CONFIG_HOME/qnos/keys`, or under `~/.config`."""
    given = os.environ.get("XDG_CONFIG_HOME")
    return (Path(given) if given else Path.home() / ".config") / "qnos" / "keys"


class Site:
    """Where the processes of a network listen, as one of them sees it, and what protects their sockets."""

    def __init__(self, network: NetworkConfig, runtime: RuntimeDir, by_hand: bool, guard: Guard) -> None:
        self.network = network
        self.runtime = runtime
        self._guard = guard
        self._by_hand = by_hand

    @staticmethod
    def launched(runtime: RuntimeDir) -> Site:
        """All processes are on this machine, in one runtime directory; addresses in the file do not
        matter."""
        return Site(runtime.load(), runtime, False, LOCAL)

    @staticmethod
    def by_hand(network: NetworkConfig, process: str, secret: Path | None = None) -> Site:
        """What the process `process` needs; an empty name is that of an operator's client.

        `secret` is the file of its secret key, by default that of its name in `key_directory()`. Raises
        `ConfigError` if the network has keys and this one is not among them.
        """
        guard = Guard(_keyring(network, process, secret) if network.keys else None, network.insecure_tcp)
        return Site(network, RuntimeDir.by_hand(network.name), True, guard)

    @property
    def guard(self) -> Guard:
        """Who may be at the other ends."""
        return self._guard

    def listen(self, process: str) -> str:
        """Where a process of ours listens."""
        if self._by_hand and process in self.network.addresses:
            return self.network.addresses[process]
        return self.runtime.address(process)

    def reach(self, process: str) -> str:
        """Where a process is found, with the holder of its key."""
        address = self.listen(process)
        if self._guard.keyring is None or not address.startswith("tcp:"):
            return address
        return f"{holder_of(process)}@{address}"

    def answers(self, number: int) -> str:
        """Where a caller, the `number`-th of its process, listens for the world's answers."""
        world = self.listen(WORLD)
        if world.startswith("tcp:"):
            return f"tcp://{_own_host(world)}:*"
        return self.runtime.address(f"client-{os.getpid()}-{number}")


def _keyring(network: NetworkConfig, process: str, secret: Path | None) -> Keyring:
    public = {name: parse_public(text) for name, text in network.keys.items()}
    nodes = list(network.node_names)
    operators = [name for name in public if name != WORLD and name not in nodes]
    holder = holder_of(process) if process else ""
    path = secret or key_directory() / f"{holder or _first_with_key(network, operators)}{SECRET_SUFFIX}"
    pair = read_secret(path)
    name = _name_of(pair, public, path, network)
    if (name != holder) if holder else (name not in operators):
        wanted = f"the key of {holder}" if holder else "that of an operator"
        raise ConfigError(f"{path} is the key of {name}; here {wanted} is needed", file=str(path))
    callers = {WORLD: [*nodes, *operators]}.get(name, [WORLD] if name in operators else [WORLD, *nodes])
    return Keyring(name, pair, public, callers)


def _first_with_key(network: NetworkConfig, operators: list[str]) -> str:
    """The operator whose secret key this user has."""
    for name in operators:
        if (key_directory() / f"{name}{SECRET_SUFFIX}").exists():
            return name
    listed = ", ".join(operators) or "nobody"
    raise ConfigError(
        f"network {network.name} takes orders from {listed}, and {key_directory()} has no secret key of "
        "theirs; qnos keys new NAME makes a key, and the network file's keys say who is an operator"
    )


def _name_of(pair: KeyPair, public: dict[str, bytes], path: Path, network: NetworkConfig) -> str:
    for name, key in public.items():
        if key == pair.public:
            return name
    raise ConfigError(
        f"{path} is not among the keys of network {network.name}, which knows {', '.join(public)}",
        file=str(path),
    )


def _own_host(address: str) -> str:
    """The address of this machine from which it reaches another one, as seen from there."""
    if is_loopback(address):
        return "127.0.0.1"
    host, _, port = split_holder(address)[1].removeprefix("tcp://").rpartition(":")
    try:
        family, kind, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[
            0
        ]
        with socket.socket(family, kind) as probe:
            probe.connect(target)  # sends nothing: only the route is looked up
            own = str(probe.getsockname()[0])
    except OSError as error:
        raise NodeDown(f"{address} cannot be reached: {error.strerror}", process=WORLD) from None
    return f"[{own}]" if ":" in own else own

"""Which program runs where: roles of an application onto nodes of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from cnpu.app import App
    from qnos.config import NetworkConfig


def place(
    app: App, network: NetworkConfig, wanted: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Callable[..., Any]]]:
    """Placement (role -> node) and programs (role -> main) of `app` on `network`.

    A role stays where `wanted` puts it, else on the node of its own name, else on the first node still
    free. Raises `ConfigError` for unknown roles or nodes, and if there are more roles than nodes to choose
    from.
    """
    nodes = network.node_names
    roles = app.roles(len(nodes))
    for role, node in wanted.items():
        if role not in roles:
            raise ConfigError(f"{app.name} has no role {role!r}; its roles are {', '.join(roles)}")
        if node not in nodes:
            raise ConfigError(f"{network.name} has no node {node!r}; its nodes are {', '.join(nodes)}")
    placement: dict[str, str] = {}
    taken = dict.fromkeys(wanted.values())
    for role in roles:
        if role not in wanted and role in nodes and role not in taken:
            placement[role] = role
            taken[role] = None
    free = [node for node in nodes if node not in taken]
    for role in roles:
        if role in wanted:
            placement[role] = wanted[role]
        elif role not in placement:
            if not free:
                raise ConfigError(
                    f"{app.name} has {len(roles)} roles ({', '.join(roles)}), {network.name} only "
                    f"{len(nodes)} nodes ({', '.join(nodes)}); {_larger(len(roles))}; roles without "
                    "entanglement between them may share a node: --place role=node"
                )
            placement[role] = free.pop(0)
    return {role: placement[role] for role in roles}, dict(roles)


def _larger(needed: int) -> str:
    """Which shipped networks have enough nodes, in words."""
    from qnos.loading import load_network, shipped_networks

    names = [name for name in shipped_networks() if len(load_network(name).nodes) >= needed]
    if not names:
        return f"no shipped network has {needed}"
    return f"shipped networks with {needed} or more are {', '.join(names)}"

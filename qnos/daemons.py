"""The three kinds of process of a network: `qnos-cnpu`, `qnos-qnpu` and `qnos-world`.

Each takes the network and its addresses from a `Site`, and runs one actor, or the world with the time
authority.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qnos.assembly import channels, make_cnpu, make_qnpu, make_worlds, world_names
from qnos.config import NetworkConfig
from qnos.hosts_section import WORLD
from qnos.runtime_dir import RuntimeDir
from qnos.site import Site
from qnos.utilisation import Meter, Use
from qnpu.syscalls import process_table
from qruntime.authority import Authority, Remote
from qruntime.errors import ConfigError, Fault
from qruntime.host import Host, MakeUniverse, SendBody, Service, serve_host
from qruntime.live import JOURNAL_VERSION, Header, LiveSessions
from qruntime.lookahead import distances
from qruntime.messages import ProcessStatus
from qruntime.orders import EndedRow, Load
from qruntime.rng import Streams
from qruntime.shell import Hosted, serve_shell
from qruntime.shots import Shots

if TYPE_CHECKING:
    from cnpu.launch import Launch
    from cnpu.runtime import Cnpu
    from qnpu.main import Qnpu


def cnpu_main(site: Site, node: str) -> None:
    """Be the CNPU of `node`."""
    network = site.network
    node_id = network.node_names.index(node)
    launches: list[Launch] = []
    streams = Streams(0)

    def make() -> Cnpu:
        cnpu = make_cnpu(network, node_id, streams)
        cnpu.launches = launches  # shared: what is loaded into a live network joins what runs
        return cnpu

    def load(order: Load) -> None:
        nonlocal streams
        found = _launches(order, node, network.node_names)
        launches[:] = [*launches, *found] if order.live else found
        streams = Streams(order.seed)

    _serve(site, Hosted(f"{node}/cnpu", make, load, ended=_ended))


def qnpu_main(site: Site, node: str) -> None:
    """Be the QNPU of `node`."""
    network = site.network
    node_id = network.node_names.index(node)
    streams = Streams(0)

    def load(order: Load) -> None:
        nonlocal streams
        streams = Streams(order.seed)

    def status(qnpu: Qnpu) -> tuple[tuple[ProcessStatus, ...], int]:
        return process_table(qnpu), qnpu.memory.count_free()

    def make() -> Qnpu:
        qnpu = make_qnpu(network, node_id, streams)
        qnpu.dispatcher.occupied = Use()
        return qnpu

    def busy(qnpu: Qnpu) -> list[tuple[int, int]]:
        use = qnpu.dispatcher.occupied
        assert isinstance(use, Use)
        return use.taken(qnpu.dispatcher.occupied_since_ns)

    _serve(site, Hosted(f"{node}/qnpu", make, load, status=status, busy=busy))


def world_main(site: Site, live: bool = False, seed: int = 0, pace: float = 0.0) -> None:
    """Be the world and the time authority; `live` keeps one timeline, else there are shots."""
    network = site.network
    runtime = site.runtime
    nodes = network.node_names

    def serve(make_service: Callable[[Host], Service]) -> None:
        serve_host(
            site.listen(WORLD),
            [f"{node}/cnpu" for node in nodes],
            [f"{node}/qnpu" for node in nodes],
            dict.fromkeys(world_names(network)),
            universe_maker(network),
            make_service,
            pace,
            site.guard,
        )

    if not live:
        serve(Shots)
        return
    header = Header(JOURNAL_VERSION, seed, network.to_dict())
    with runtime.journal.open("wb") as journal, runtime.trace.open("wb") as trace:
        serve(lambda host: LiveSessions(host, header, journal, trace))


def universe_maker(network: NetworkConfig) -> MakeUniverse:
    """How the host makes a universe: the same actors, ranks and channels as in one process, the nodes'
    remote."""
    nodes = network.node_names
    ways = channels(network)
    names = [f"{node}/{unit}" for node in nodes for unit in ("cnpu", "qnpu")]
    worlds = list(dict.fromkeys(world_names(network)))
    heralds: dict[tuple[str, str], int] = {}
    for link in network.links:
        least = min(int(min(at.cycle_ns, at.measure_cycle_ns)) for at in link.model.points())
        for a, b in (link.nodes, link.nodes[::-1]):
            heralds[f"{a}/qnpu", f"{b}/qnpu"] = least
    reach = distances([*names, *worlds], ways, worlds, heralds)
    testing = network.testing

    def make(universe: int, seed: int, send_body: SendBody) -> Authority:
        made = make_worlds(network, Streams(seed))
        authority = Authority(
            universe,
            [*map(Remote, names), *made],
            ways,
            reach,
            send_body,
            jitter_ns=testing.jitter_ns,
            jitter_seed=seed,
            rank_seed=seed if testing.permute_ranks else None,
        )
        authority.meter = Meter(nodes, made)
        return authority

    return make


def _serve(site: Site, hosted: Hosted) -> None:
    serve_shell(hosted, site.listen(hosted.name), site.reach(WORLD), site.guard)


def _launches(order: Load, node: str, names: Sequence[str]) -> list[Launch]:
    """The programs of an application that run on this node.

    `ConfigError` if our copy of it is another one.
    """
    from cnpu.app import load_app
    from qnos.launching import launch_of

    if not order.app:
        return []
    app = load_app(order.app)
    if app.sha256 != order.sha256:
        raise ConfigError(
            f"application {order.app} on {node} has sha256 {app.sha256[:12]}..., the one submitted has "
            f"{order.sha256[:12]}...",
            app=order.app,
        )
    roles = app.roles(len(names))
    for role in order.roles:
        if role not in roles or role not in order.inputs or order.placement.get(role) not in names:
            raise ConfigError(
                f"application {order.app} cannot run here: role {role} has no program, inputs or node"
            )
    return [
        launch_of(
            app.name,
            app.flavour,
            role,
            roles[role],
            order.inputs[role],
            order.placement,
            session=order.session,
            start_ns=order.start_ns,
            scheduling=order.scheduling,
            quotas=order.quotas,
        )
        for role in order.roles
        if order.placement[role] == node
    ]


def _ended(cnpu: Cnpu, told: int) -> list[EndedRow]:
    if len(cnpu.ended) == told:
        return []
    return [
        EndedRow(
            end.session,
            end.role,
            end.pid,
            end.value,
            None if end.error is None else Fault.of(end.error),
            end.traceback,
            end.started_ns,
            end.ended_ns,
            tuple(end.log),
        )
        for end in list(cnpu.ended.values())[told:]
    ]


def main(arguments: list[str] | None = None) -> None:
    """`python -m qnos.daemons (cnpu|qnpu) DIR NODE`, `world DIR [SEED PACE]`: how the launcher starts a
    process.

    With a seed the world keeps one timeline.
    """
    kind, directory, *rest = sys.argv[1:] if arguments is None else arguments
    site = Site.launched(RuntimeDir(Path(directory)))
    if kind == "world":
        live = bool(rest)
        world_main(site, live, int(rest[0]) if live else 0, float(rest[1]) if live else 0.0)
    else:
        {"cnpu": cnpu_main, "qnpu": qnpu_main}[kind](site, rest[0])


if __name__ == "__main__":
    main()

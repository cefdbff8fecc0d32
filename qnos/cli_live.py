"""``qnos up``, ``submit``, ``results``, ``cancel``, ``ps``, ``logs`` and ``down``: networks that stay
up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qnos import live
from qnos.cli_options import inputs_of, placement_of, values_of
from qnos.loading import load_network, with_values
from qnos.runtime_dir import RuntimeDir
from qruntime.errors import ConfigError, NodeDown
from qruntime.orders import SessionState

on_option = click.option("--on", "name", metavar="NAME", help="Which network; needed if several are up.")


def _network_options(command: Callable[..., None]) -> Callable[..., None]:
    """Which network: one that is up on this machine, or one that was started by hand."""
    for option in (
        click.option(
            "--secret",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="With --at: file of an operator's secret key; default: that among the user's keys.",
        ),
        click.option("--at", metavar="FILE", help="The network that was started by hand from this file."),
        on_option,
    ):
        command = option(command)
    return command


@click.command()
@click.argument("network")
@click.option("--name", help="What the network goes by; default: its own name.")
@click.option("--seed", "-s", default=0, show_default=True, type=int)
@click.option(
    "--pace", default=0.0, help="Simulated seconds per second; 0: as fast as it goes.", show_default=True
)
@click.option("--set-network", "values", multiple=True, metavar="PATH=VALUE", help="Change a value; repeat.")
def up(network: str, name: str | None, seed: int, pace: float, values: tuple[str, ...]) -> None:
    """Start NETWORK, every CNPU and QNPU a process, and leave it up.

    One of that name that has lost a process is started again as a whole; its sessions are lost.
    """
    if pace < 0:
        raise click.UsageError(f"--pace {pace:g}: 0 or more is allowed")
    loaded = with_values(network, values_of(values))
    dead = live.gone(RuntimeDir.named(name or loaded.name))
    if dead:
        click.echo(f"{', '.join(dead)} had gone: {name or loaded.name} starts again as a whole")
    runtime = live.up(loaded, name or loaded.name, seed, pace)
    click.echo(f"network {runtime.name} is up: {len(runtime.processes())} processes, {runtime.path}")


@click.command()
@click.argument("app")
@_network_options
@click.option("--set", "inputs", multiple=True, metavar="ROLE.NAME=VALUE", help="Input of a program; repeat.")
@click.option(
    "--place", "placement", multiple=True, metavar="ROLE=NODE", help="Run a role on a node; repeat."
)
@click.option("--detach", is_flag=True, help="Do not wait for the end; print the session's number.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def submit(
    ctx: click.Context,
    app: str,
    name: str | None,
    at: str | None,
    secret: Path | None,
    inputs: tuple[str, ...],
    placement: tuple[str, ...],
    detach: bool,
    as_json: bool,
) -> None:
    """Run APP once on a network that is up."""
    with _connection(name, at, secret) as connection:
        state = connection.submit(app, inputs_of(inputs), placement_of(placement))
        if detach:
            click.echo(str(state.session))
            return
        state = connection.session(state.session, wait=True)
    _show(ctx, state, as_json)


@click.command()
@click.argument("session", type=click.IntRange(min=0), required=False)
@_network_options
@click.option("--wait", is_flag=True, help="Wait until the session is over.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def results(
    ctx: click.Context,
    session: int | None,
    name: str | None,
    at: str | None,
    secret: Path | None,
    wait: bool,
    as_json: bool,
) -> None:
    """What SESSION brought; without a number, every session in a line."""
    with _connection(name, at, secret) as connection:
        if session is not None:
            state = connection.session(session, wait)
        else:
            for listed in connection.sessions():
                click.echo(f"{listed.session}  {listed.state:8}  {Path(listed.app).stem}")
            return
    _show(ctx, state, as_json)


@click.command()
@click.argument("session", type=click.IntRange(min=0))
@_network_options
@click.pass_context
def cancel(ctx: click.Context, session: int, name: str | None, at: str | None, secret: Path | None) -> None:
    """End the programs of SESSION."""
    with _connection(name, at, secret) as connection:
        state = connection.cancel(session)
    click.echo(f"session {state.session} is over: {state.state}")


@click.command()
@on_option
def ps(name: str | None) -> None:
    """Networks that are up: their processes, programs, qubits and simulated time."""
    runtimes = RuntimeDir.all() if name is None else [RuntimeDir.named(_the_network(name))]
    console = Console(file=sys.stdout)
    if not runtimes:
        click.echo("no network is up")
    for runtime in runtimes:
        _show_network(runtime, console)


@click.command()
@click.argument("process", required=False)
@on_option
def logs(process: str | None, name: str | None) -> None:
    """What the processes of a network wrote to their standard error; PROCESS is one, such as alice/qnpu."""
    runtime = RuntimeDir.named(_the_network(name))
    known = list(runtime.processes())
    if process is not None and process not in known:
        raise ConfigError(f"network {runtime.name} has no process {process!r}; it has {', '.join(known)}")
    for one in known if process is None else [process]:
        for line in runtime.log(one).read_text(errors="replace").splitlines():
            click.echo(f"{one}: {line}")


@click.command()
@click.argument("name", required=False)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the journal in this file, for qnos run --replay.",
)
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), help="Keep the trace in this file.")
def down(name: str | None, journal: Path | None, trace: Path | None) -> None:
    """End a network that is up."""
    found = _the_network(name)
    live.down(found, journal, trace)
    click.echo(f"network {found} is down")


def _connection(name: str | None, at: str | None, secret: Path | None) -> live.Connection:
    """The way to the network that is meant."""
    if at is None:
        return live.Connection(_the_network(name))
    if name is not None:
        raise click.UsageError("--on names a network that is up here, --at one that was started by hand")
    from qnos.hosts import StandingConnection

    return StandingConnection(load_network(at), secret)


def _the_network(name: str | None) -> str:
    """The network that is meant: the one named, or the only one."""
    if name is not None:
        return name
    names = [runtime.name for runtime in RuntimeDir.all()]
    if len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError("no network is up; qnos up NETWORK starts one")
    raise ConfigError(f"several networks are up: {', '.join(names)}; --on NAME says which")


def _show(ctx: click.Context, state: SessionState, as_json: bool) -> None:
    values: dict[str, Any] = {row.role: row.value for row in state.ended}
    errors = {row.role: row.fault.message for row in state.ended if row.fault is not None}
    if as_json:
        data = {
            "session": state.session,
            "app": state.app,
            "state": state.state,
            "admitted_ns": state.admitted_ns,
            "results": values,
            "errors": errors,
            "fault": None if state.fault is None else state.fault.message,
        }
        click.echo(json.dumps(data, default=repr))
    else:
        click.echo(f"session {state.session}: {Path(state.app).stem} {state.state}")
        if state.fault is not None:
            click.echo(f"  {state.fault.message}")
        for role in state.roles:
            if role in errors:
                click.echo(f"  {role}: {errors[role]}")
            elif role in values:
                shown = ", ".join(f"{key}={value!r}" for key, value in values[role].items()) or "nothing"
                click.echo(f"  {role}: {shown}")
    if errors or state.fault is not None:
        ctx.exit(1)


def _show_network(runtime: RuntimeDir, console: Console) -> None:
    alive = runtime.alive()
    name = escape(runtime.name)
    if not any(alive.values()):
        console.print(
            f"[bold]{name}[/]: left behind by processes that are gone; qnos down {name} clears it away"
        )
        return
    dead = live.gone(runtime)
    if dead:
        gone = ", ".join(f"{process} ({how})" for process, how in dead.items())
        console.print(f"[bold]{name}[/]: {gone}; qnos up starts it again as a whole", highlight=False)
    try:
        with live.Connection(runtime.name) as connection:
            state = connection.state()
    except NodeDown as error:
        if not dead:
            console.print(f"[bold]{name}[/]: {escape(error.message)}", highlight=False)
        return
    idle = "idle" if state.idle else "busy"
    console.print(
        f"[bold]{name}[/]: {idle} at {state.now_ns / 1e6:,.3f} ms simulated, "
        f"{state.running} sessions running, {state.grants:,} grants, {sum(alive.values())} processes"
        + (f", {state.refused:,} messages refused" if state.refused else ""),
        highlight=False,
    )
    table = Table("node", "program", "state", "queued", "qubits", "requests", box=None)
    for node, processes in state.nodes.items():
        free = f"{state.qubits_free[node]} qubits free"
        table.add_row(node, free, "", "", "", "")
        for process in processes:
            qubits = ", ".join(map(str, process.qubits))
            table.add_row(
                "",
                f"{process.pid} {process.app}",
                process.state,
                str(process.queued),
                qubits,
                str(process.requests),
            )
    console.print(table)

"""``qnos apps``, ``qnos networks`` and ``qnos check-config``."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from cnpu.app import App, load_app, shipped_apps
from qnos.config import NetworkConfig
from qnos.fields import in_words
from qnos.loading import load_network, shipped_networks
from qnos.noise import effective_noise
from qnos.present import console_for
from qruntime.errors import ConfigError

LARGEST = 6  # nodes, up to which roles that depend on the network are looked for


@click.command()
def apps() -> None:
    """List the applications that travel with qnos: roles, inputs with their defaults, what they do."""
    view = Table(box=None, header_style="bold")
    for heading in ("app", "roles", "inputs", "what it does"):
        view.add_column(heading, overflow="fold")
    for name in shipped_apps():
        view.add_row(*(escape(cell) for cell in _app_in_words(load_app(name))))
    console_for(sys.stdout).print(view)


@click.command()
def networks() -> None:
    """List the networks that travel with qnos."""
    view = Table(box=None, header_style="bold")
    for heading in ("network", "nodes", "devices", "links", "os"):
        view.add_column(heading, overflow="fold")
    for name in shipped_networks():
        network = load_network(name)
        kinds = dict.fromkeys(node.device.kind for node in network.nodes)
        links = dict.fromkeys(link.kind for link in network.links)
        view.add_row(
            escape(name),
            escape(", ".join(network.node_names)),
            escape(", ".join(kinds)),
            escape(f"{len(network.links)} {', '.join(links)}"),
            escape(network.os.preset),
        )
    console_for(sys.stdout).print(view)


@click.command("check-config")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.pass_context
def check_config(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Check network files (or shipped names) and say what they mean.

    All are checked; the status is 1 if any is wrong.
    """
    wrong = False
    for file in files:
        try:
            network = load_network(file)
        except ConfigError as error:
            click.echo(f"Error: {error}", err=True)
            wrong = True
            continue
        click.echo(f"{file}: {_in_short(network)}")
        for line in _sets(network):
            click.echo(f"  set    {line}")
        for line in effective_noise(network):
            click.echo(f"  noise  {line}")
        if network.schedule is not None:
            click.echo(f"  bins   {network.schedule.in_words()}")
    if wrong:
        ctx.exit(1)


def _app_in_words(app: App) -> tuple[str, str, str, str]:
    """Name, roles, inputs with their defaults, and what it does."""
    nodes, roles = _some_roles(app)
    names = ", ".join(roles) if app.has_fixed_roles else f"{', '.join(roles)} (on {nodes} nodes)"
    inputs = [
        f"{role}.{name}: {declared.allowed}"
        + ("" if declared.required else f" = {in_words(declared.default)}")
        for role, named in app.inputs(roles).items()
        for name, declared in named.items()
    ]
    return app.name, names, "\n".join(inputs), app.doc.partition("\n")[0]


def _some_roles(app: App) -> tuple[int, dict[str, Any]]:
    """The roles of an application, on the smallest network it runs on if they depend on that."""
    for nodes in range(1, LARGEST):
        try:
            return nodes, app.roles(nodes)
        except ConfigError:
            continue
    return LARGEST, app.roles(LARGEST)


def _sets(network: NetworkConfig) -> list[str]:
    """Lines such as ``alice, bob: generic_squidasm_default, num_qubits 5``."""
    groups: dict[str, list[str]] = {}
    for place, words in network.sets.items():
        groups.setdefault(words, []).append(place.partition(".")[2])
    return [f"{', '.join(places)}: {words}" for words, places in groups.items()]


def _in_short(network: NetworkConfig) -> str:
    nodes, links = len(network.nodes), len(network.links)
    return (
        f"{nodes} node{'s' * (nodes != 1)}, {links} link{'s' * (links != 1)}, os {network.os.preset}: correct"
    )

"""``qnos-cnpu``, ``qnos-qnpu`` and ``qnos-world``: the processes of a network, started by hand.

All take the same network file, on whatever hosts and in whatever order. Each runs until the world ends; the
world runs until Ctrl-C.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from qnos import daemons
from qnos.cli import INTERRUPTED
from qnos.hosts_section import WORLD
from qnos.loading import load_network
from qnos.site import Site
from qruntime.errors import ConfigError, QnosError

secret_option = click.option(
    "--secret",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the secret key; default: that of its name among the user's keys.",
)


def _command(function: Callable[..., None]) -> click.Command:
    return click.command(context_settings={"help_option_names": ["-h", "--help"]})(function)


@_command
@click.argument("network")
@click.argument("node")
@secret_option
def cnpu(network: str, node: str, secret: Path | None) -> None:
    """Be the CNPU of NODE in NETWORK, until its world ends."""
    with _running():
        daemons.cnpu_main(_site(network, node, "cnpu", secret), node)


@_command
@click.argument("network")
@click.argument("node")
@secret_option
def qnpu(network: str, node: str, secret: Path | None) -> None:
    """Be the QNPU of NODE in NETWORK, until its world ends."""
    with _running():
        daemons.qnpu_main(_site(network, node, "qnpu", secret), node)


@_command
@click.argument("network")
@click.option("--seed", "-s", default=0, show_default=True, help="Of a timeline; a run brings its own.")
@click.option(
    "--pace", default=0.0, help="Simulated seconds per second; 0: as fast as it goes.", show_default=True
)
@click.option("--live", is_flag=True, help="Keep one timeline, with a journal, instead of running shots.")
@secret_option
def world(network: str, seed: int, pace: float, live: bool, secret: Path | None) -> None:
    """Be the simulated world and the time authority of NETWORK, until Ctrl-C."""
    if pace < 0:
        raise click.UsageError(f"--pace {pace:g}: 0 or more is allowed")
    with _running():
        site = _site(network, "", WORLD, secret)
        if live:
            click.echo(f"journal {site.runtime.journal}, trace {site.runtime.trace}")
        daemons.world_main(site, live, seed, pace)


def _site(network: str, node: str, unit: str, secret: Path | None) -> Site:
    """What the process needs; it is that process from now on, and says so."""
    loaded = load_network(network)
    if node and node not in loaded.node_names:
        raise ConfigError(
            f"network {loaded.name} has no node {node!r}; it has {', '.join(loaded.node_names)}"
        )
    process = f"{node}/{unit}" if node else unit
    site = Site.by_hand(loaded, process, secret)
    site.runtime.hold(process)
    click.echo(f"{process} of network {loaded.name} listens at {site.listen(process)}")
    return site


@contextmanager
def _running() -> Iterator[None]:
    """Our errors are one message; warnings and news go to standard error."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        yield
    except (QnosError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        context: Any = click.get_current_context()
        context.exit(INTERRUPTED)

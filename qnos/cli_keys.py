"""``qnos keys``: CURVE keys for networks over TCP."""

from __future__ import annotations

import re
from pathlib import Path

import click

from qnos.config import NAME_PATTERN
from qnos.site import key_directory
from qruntime.errors import ConfigError
from qruntime.keys import new_pair


@click.group()
def keys() -> None:
    """Make the keys that TCP between hosts needs."""


@keys.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go; default: among the user's keys.",
)
def new(names: tuple[str, ...], directory: Path | None) -> None:
    """Make a key pair for each NAME: world, a node, or any other name for an operator.

    NAME.secret stays on the host that uses it. What is printed goes under keys: in the network file, or
    NAME.public into the directory named there.
    """
    for name in names:
        if not re.fullmatch(NAME_PATTERN, name):
            raise ConfigError(f"{name!r} is no name of a key; allowed: letters, digits, - and _")
    for name in names:
        public, _ = new_pair(directory or key_directory(), name)
        click.echo(f"{name}: {public.read_text().strip()}")

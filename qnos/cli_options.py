"""Options that several commands share, and how ``name=value`` texts become mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from qnos.documents import scalar

Command = TypeVar("Command", bound=Callable[..., Any])


def run_options(command: Command) -> Command:
    """What `run` and `sweep` have in common."""
    options = (
        click.option(
            "--network", "-n", default="two_generic", show_default=True, help="Shipped name or file."
        ),
        click.option("--shots", "-k", default=100, show_default=True, type=click.IntRange(min=1)),
        click.option("--seed", "-s", default=0, show_default=True, type=int),
        click.option(
            "--set", "inputs", multiple=True, metavar="ROLE.NAME=VALUE", help="Input of a program; repeat."
        ),
        click.option(
            "--set-network",
            "values",
            multiple=True,
            metavar="PATH=VALUE",
            help="Change a value of the network, such as links.*.fidelity=0.8; repeat.",
        ),
        click.option(
            "--post-select",
            is_flag=True,
            help="Drop the shots in which an NV centre was in the wrong charge state.",
        ),
        click.option(
            "--place", "placement", multiple=True, metavar="ROLE=NODE", help="Run a role on a node; repeat."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def inputs_of(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``alice.theta=0.3`` texts as role -> name -> value."""
    inputs: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, value = split(text, "--set", "ROLE.NAME=VALUE")
        role, dot, field = name.partition(".")
        if not (role and dot and field):
            raise click.UsageError(f"--set {text!r}: ROLE.NAME=VALUE is expected")
        if role == "inputs" and "." in field:
            raise click.UsageError(f"--set {text!r}: an input is set without the word inputs: {field}=VALUE")
        inputs.setdefault(role, {})[field] = scalar(value)
    return inputs


def values_of(
    texts: Iterable[str], option: str = "--set-network", shape: str = "PATH=VALUE"
) -> dict[str, Any]:
    """``links.*.fidelity=0.8`` texts as path -> value."""
    return {path: scalar(value) for path, value in (split(text, option, shape) for text in texts)}


def placement_of(texts: Iterable[str]) -> dict[str, str] | None:
    """``alice=delft`` texts as role -> node; None if there are none."""
    return dict(split(text, "--place", "ROLE=NODE") for text in texts) or None


def split(text: str, option: str, shape: str) -> tuple[str, str]:
    """``name=value`` in two; `UsageError` if it is not."""
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise click.UsageError(f"{option} {text!r}: {shape} is expected")
    return name.strip(), value.strip()

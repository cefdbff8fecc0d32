"""``qnos compat``: programs of other frameworks, unchanged."""

from __future__ import annotations

import os
from typing import Any

import click

from qnos.config import PRESETS


@click.group()
def compat() -> None:
    """Run programs of other frameworks as they are."""


@compat.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--seed", default=0, show_default=True, help="Root seed of all runs of the script.")
@click.option("--processes", is_flag=True, help="QNPUs and the world are processes of their own.")
@click.option(
    "--os",
    "preset",
    type=click.Choice(list(PRESETS)),
    default="ideal",
    show_default=True,
    help="Costs of the OS.",
)
@click.option("--sdk-compiler", is_flag=True, help="Have the SDK's compiler make subroutines for NV centres.")
@click.option(
    "--prefer-qnos",
    is_flag=True,
    envvar="QNOS_COMPAT_PREFER",
    help="Stand in for SquidASM even if it is installed.",
)
def run(script: str, arguments: tuple[str, ...], seed: int, preset: str, **switches: Any) -> None:
    """Run a SquidASM script, which gets ARGUMENTS as its own.

    Its imports of squidasm, netsquid, pydynaa and netsquid_netbuilder are answered by qnos, in this process
    only.
    """
    from qnos.compat import run_script
    from qnos.compat.options import OPTIONS

    OPTIONS.processes = switches["processes"]
    OPTIONS.os = preset
    OPTIONS.sdk_compiler = switches["sdk_compiler"]
    run_script(os.fspath(script), arguments, seed=seed, prefer_ours=switches["prefer_qnos"])

"""``qnos compat``: programs of other frameworks, unchanged."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import click

from qnos.config import PRESETS


@click.group()
def compat() -> None:
    """Run programs of other frameworks as they are."""


@compat.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-m", "is_module", is_flag=True, help="SCRIPT is the name of a module.")
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
    from qnos.compat.options import OPTIONS
    from qnos.compat.script import run_module, run_script
    from qnos.compat.telling import told

    OPTIONS.processes = switches["processes"]
    OPTIONS.os = preset
    OPTIONS.sdk_compiler = switches["sdk_compiler"]
    start = run_module if switches["is_module"] else run_script
    try:
        start(script, arguments, seed=seed, prefer_ours=switches["prefer_qnos"])
    except BrokenPipeError:
        raise  # whoever reads what the script prints has seen enough
    except Exception as error:
        click.echo(told(error), err=True, nl=False)
        raise click.exceptions.Exit(1) from error


@compat.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--app-dir", type=click.Path(path_type=Path), help="The same, as the SDK's command has it.")
@click.option("--num", type=click.IntRange(min=1), default=1, show_default=True, help="Number of rounds.")
@click.option("--network-config-file", help="Network file, seen from DIRECTORY; default: network.yaml.")
@click.option(
    "--hardware",
    type=click.Choice(["generic", "nv"]),
    default="generic",
    show_default=True,
    help="Hardware of nodes if there is no network file.",
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="Default: log in DIRECTORY.")
@click.option("--log-to-files", type=bool, default=True, show_default=True, help="Leave log files at all.")
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    default="WARNING",
    show_default=True,
    help="Of the SDK's logger, which writes on stderr.",
)
@click.option("--track-lines/--no-track-lines", default=True, show_default=True, help="Lines in logs.")
@click.option("--post-function-file", help="Default: post_function.py in DIRECTORY.")
@click.option(
    "--sim-context/--no-sim-context", default=True, show_default=True, help="Pass app_config to programs."
)
@click.option("--timer/--no-timer", default=False, show_default=True, help="Say how long it took.")
@click.option("--simulator", metavar="NAME", help="Taken and not needed: it is qnos that simulates.")
@click.option("--formalism", metavar="NAME", help="Taken and not needed: states are exact.")
@click.option("--seed", default=0, show_default=True, help="Root seed.")
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
def simulate(directory: Path | None, app_dir: Path | None, timer: bool, **options: Any) -> None:
    """Run an application of the NetQASM SDK: the programs app_<role>.py of DIRECTORY, together.

    Prints what they returned, as the file results.yaml has it. Options are those of the SDK's command
    `netqasm simulate`, and more.
    """
    if directory is not None and app_dir is not None and directory != app_dir:
        raise click.UsageError("DIRECTORY and --app-dir say different things; give one of them")
    started = perf_counter()
    _simulated(directory or app_dir or Path(), **options)
    if timer:
        click.echo(f"finished simulation in {perf_counter() - started:.2f} seconds")


def _simulated(directory: Path, **options: Any) -> None:
    from qnos.compat.external.rounds import simulate_directory, text_of, told

    try:
        results = simulate_directory(directory, **options)
    except Exception as error:
        raise click.ClickException(told(error)) from error
    click.echo(text_of(results), nl=False)

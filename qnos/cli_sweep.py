"""``qnos sweep``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from qnos import sweeping
from qnos.cli import INTERRUPTED
from qnos.cli_options import inputs_of, placement_of, run_options, values_of
from qnos.loading import with_values
from qnos.noise import effective_noise
from qnos.present import Bar, console_for, show_line, show_sweep
from qruntime.errors import ConfigError


@click.command()
@click.argument("app")
@run_options
@click.option(
    "--vary",
    "vary",
    multiple=True,
    required=True,
    metavar="PATH=START:STOP:N",
    help="Values of a network path or of inputs.ROLE.NAME; also PATH=A,B,C. Several make a grid.",
)
@click.option("--jobs", "-j", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table (.csv or .parquet)."
)
@click.pass_context
def sweep(
    ctx: click.Context,
    app: str,
    network: str,
    shots: int,
    seed: int,
    inputs: tuple[str, ...],
    values: tuple[str, ...],
    post_select: bool,
    placement: tuple[str, ...],
    vary: tuple[str, ...],
    jobs: int,
    out: Path | None,
) -> None:
    """Run APP at every point of a grid of values.

    The table has a row per point and is the same for any number of jobs. A point that fails says why in its
    row, the others go on; the status is 1 then, and 130 after Ctrl-C.
    """
    if out is not None:
        sweeping.check_table_name(out)
    grid: dict[str, list[object]] = {}
    for text in vary:
        path, points = sweeping.parse_vary(text)
        if path in grid:
            raise ConfigError(f"--vary {text!r}: {path} is varied already")
        grid[path] = points
    loaded = with_values(network, values_of(values))
    errors = Console(stderr=True)
    total = 1
    for points in grid.values():
        total *= len(points)
    with Bar(total, errors) as bar:
        table = sweeping.sweep(
            app,
            loaded,
            grid,
            shots=shots,
            seed=seed,
            inputs=inputs_of(inputs),
            placement=placement_of(placement),
            jobs=jobs,
            post_select=post_select,
            progress=(lambda done, _: bar(done)) if errors.is_terminal else None,
        )
    console = console_for(sys.stdout)
    show_sweep(table, console)
    for line in effective_noise(loaded):
        show_line("noise", f"{line} (where not varied)", console)
    if out is not None:
        table.write(out)
        show_line("saved", str(out), console)
    if table.interrupted:
        click.echo(f"Interrupted after {len(table.rows)} of {total} points", err=True)
        ctx.exit(INTERRUPTED)
    failed = sum(bool(row.error) for row in table.rows)
    if failed:
        click.echo(f"Error: {failed} of {total} points failed; see the error column", err=True)
        ctx.exit(1)

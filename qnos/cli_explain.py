"""``qnos explain`` and ``qnos perfetto``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from qnos import budget as budgets
from qnos import perfetto as timelines
from qnos.cli_options import inputs_of, placement_of, run_options, values_of
from qnos.explain import explain as explain_run
from qnos.explain import explain_result, explain_trace
from qnos.present import Bar, console_for, show_line
from qnos.present_explain import show_budget, show_explanation
from qnos.tracefile import is_trace

_OF_A_RUN = ("network", "seed", "inputs", "values", "post_select", "placement")


@click.command()
@click.argument("source")
@run_options
@click.option("--budget", is_flag=True, help="Say what each source of noise costs instead.")
@click.option("--metric", help="With --budget: the metric to look at; default: a fidelity or success.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.pass_context
def explain(
    ctx: click.Context,
    source: str,
    network: str,
    shots: int,
    seed: int,
    inputs: tuple[str, ...],
    values: tuple[str, ...],
    post_select: bool,
    placement: tuple[str, ...],
    budget: bool,
    metric: str | None,
    as_json: bool,
) -> None:
    """Say where the time of programs went, cause by cause.

    SOURCE is a trace that `qnos run --trace` wrote, a result that it saved, whose first shots are run again,
    or an application to run. With --budget it is an application, run again with each source of noise
    switched off: what that gains is what the source costs.
    """
    if metric is not None and not budget:
        raise click.UsageError("--metric goes with --budget")
    if post_select and not budget:
        raise click.UsageError("--post-select goes with --budget: times are those of all shots")
    trace, saved = is_trace(source), source.endswith(".json") and Path(source).is_file()
    if trace or saved:
        given = [name for name in _OF_A_RUN if _is_given(ctx, name)]
        if given or budget or (trace and _is_given(ctx, "shots")):
            raise click.UsageError(f"{source} says what was run; options of a run go with an application")
    console = console_for(sys.stdout)
    run: dict[str, Any] = {
        "seed": seed,
        "inputs": inputs_of(inputs),
        "placement": placement_of(placement),
        "values": values_of(values),
        "shots": shots,
    }
    if budget:
        errors = Console(stderr=True)
        with Bar(0, errors) as bar:
            show_bar = errors.is_terminal and not as_json
            found = budgets.budget(
                source,
                network,
                metric=metric,
                post_select=post_select,
                progress=bar.of if show_bar else None,
                **run,
            )
        if as_json:
            click.echo(json.dumps(found.to_json_dict(), allow_nan=False))
        else:
            show_budget(found, console)
        return
    if trace:
        explanation = explain_trace(source)
    elif saved:
        explanation = explain_result(source, shots if _is_given(ctx, "shots") else None)
    else:
        explanation = explain_run(source, network, **run)
    if as_json:
        click.echo(json.dumps(explanation.to_json_dict(), allow_nan=False))
    else:
        show_explanation(explanation, console)


@click.command()
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--shots",
    "-k",
    type=click.IntRange(min=1),
    default=timelines.SHOTS,
    show_default=True,
    help="So many shots, from the first in the trace on.",
)
def perfetto(trace: Path, file: Path, shots: int) -> None:
    """Make a timeline for ui.perfetto.dev and chrome://tracing from a trace that `qnos run --trace` wrote."""
    count = timelines.export(trace, file, shots)
    show_line("saved", f"{file}, {count} shot{'s' * (count != 1)}", console_for(sys.stdout))


def _is_given(ctx: click.Context, option: str) -> bool:
    return ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE

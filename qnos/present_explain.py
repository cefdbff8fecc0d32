"""What ``qnos explain`` shows: where time went, and what noise costs."""

from __future__ import annotations

import math

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qnos.budget import Budget, Cost
from qnos.explain import Explanation
from qnos.present import print_whole
from qnos.statistics import Metric
from qnos.units import duration


def show_explanation(explanation: Explanation, console: Console) -> None:
    """A table per role: mean time of a program and share of it, for each cause that took any."""
    shots = f"{explanation.shots:,} shot{'s' * (explanation.shots != 1)}"
    console.print(f"{escape(explanation.subject)}: {shots}", highlight=False, soft_wrap=True)
    for role, time in explanation.roles.items():
        view = Table(box=None, header_style="bold")
        view.add_column(escape(role), min_width=12)
        view.add_column("mean", justify="right")
        view.add_column("share", justify="right")
        for cause, ns in time.causes.items():
            if ns:
                view.add_row(cause, duration(time.mean_ns(cause)), f"{100 * time.share(cause):.1f} %")
        view.add_row("all", duration(time.total_ns / time.programs), "")
        console.print(view)


def show_budget(budget: Budget, console: Console) -> None:
    """The sources of noise by what they cost, then all together."""
    console.print(
        f"[bold]{escape(budget.app)}[/] on [bold]{escape(budget.network)}[/], {budget.shots:,} shots, "
        f"seed {budget.seed}: {escape(budget.metric)} {_mean(budget.actual)}",
        highlight=False,
        soft_wrap=True,
    )
    if budget.costs:
        print_whole(_costs(budget), console)
        console.print("Differences need not add up: sources act together.", highlight=False)
    else:
        console.print("There is no noise.", highlight=False)
    failed = {name: number for name, number in budget.failures.items() if number}
    if failed:
        told = ", ".join(f"{number:,} with {_off(name)}" for name, number in failed.items())
        console.print(f"Shots without the metric: {escape(told)}.", highlight=False, soft_wrap=True)


def _costs(budget: Budget) -> Table:
    """A row per source; every column is as wide as its widest cell, however narrow the terminal."""
    rows = [(f"{cost.where} {cost.name}", cost.strength, *_numbers(cost)) for cost in budget.costs]
    rows.append(("everything", "", *_numbers(budget.everything)))
    view = Table(box=None, header_style="bold")
    for column, heading in enumerate(
        ("source of noise", "strength", "without", "difference", "95 % interval")
    ):
        width = max(len(heading), *(len(row[column]) for row in rows))
        view.add_column(heading, justify="right" if column in (2, 3) else "left", min_width=width)
    for row in rows:
        view.add_row(*map(escape, row))
    return view


def _off(name: str) -> str:
    return "all noise" if name == "actual" else f"{name} off"


def _numbers(cost: Cost) -> tuple[str, str, str]:
    low, high = cost.difference.ci95
    interval = "–" if math.isnan(low) else f"[{low:+.4f}, {high:+.4f}]"
    difference = "–" if math.isnan(cost.difference.mean) else f"{cost.difference.mean:+.4f}"
    return _mean(cost.without), difference, interval


def _mean(metric: Metric) -> str:
    return "–" if math.isnan(metric.mean) else f"{metric.mean:.4f}"

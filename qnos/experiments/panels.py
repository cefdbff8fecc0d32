"""What a plot shows, as plain data: `Panel`s with `Series`; `draw(panels, path)` makes the file.

Matplotlib is an extra. Without it `draw` raises `MissingPlotter`, which says how to get it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from qruntime.errors import ConfigError

WIDTH, HEIGHT = 4.2, 3.1  # of a panel, in inches
ACROSS: Final = 3  # panels beside each other
MARKERS: Final = "osv^Dx+*"
STYLES: Final = {"solid": "-", "dashed": "--", "none": "none", "line": "-"}  # a line has no markers


class MissingPlotter(ConfigError):
    """Matplotlib is not installed."""


class Series(msgspec.Struct, frozen=True):
    """Points with a label, none if it is empty; `errors` are standard errors of `y`.

    `style` is one of `STYLES`. Series of the same `colour` look as if they belong together.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    errors: Sequence[float] = ()
    style: str = "solid"
    colour: int = 0


class Panel(msgspec.Struct, frozen=True):
    """Axes with their labels; `log` is for the vertical one, `limits` its ends."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    log: bool = False
    limits: tuple[float, float] | None = None


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Draw all panels into one file; its suffix says the format, equal panels give equal bytes of an SVG."""
    try:
        import matplotlib
    except ImportError:
        raise MissingPlotter("it needs matplotlib: pip install 'qnos[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    settings = {"svg.fonttype": "none", "svg.hashsalt": "qnos", "font.size": 8, "path.simplify": True}
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(
            down, across, squeeze=False, figsize=(WIDTH * across, HEIGHT * down), layout="constrained"
        )
        for place, axis in enumerate(axes.flat):
            if place < len(panels):
                _panel(axis, panels[place])
            else:
                axis.set_axis_off()
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def _panel(axis: Any, panel: Panel) -> None:
    for series in panel.series:
        look = {
            "label": series.label or "_nolegend_",
            "linestyle": STYLES[series.style],
            "marker": "" if series.style == "line" else MARKERS[series.colour % len(MARKERS)],
            "markersize": 3.5,
            "color": f"C{series.colour % 10}",
        }
        if series.errors:
            axis.errorbar(series.x, series.y, yerr=series.errors, capsize=2, linewidth=1, **look)
        else:
            axis.plot(series.x, series.y, linewidth=1, **look)
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(panel.x)
    axis.set_ylabel(panel.y)
    if panel.log:
        axis.set_yscale("log")
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)

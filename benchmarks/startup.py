"""Starting: import of the package, building a two-node network."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.table import Row, median_s, show
from cnpu.app import load_app
from qnos.loading import load_network
from qnos.simulate import Plan, Simulation


def run() -> list[Row]:
    """Medians; the import is timed in fresh interpreters, less the start of the interpreter itself."""
    code = "import time; t = time.perf_counter(); import qnos; print(time.perf_counter() - t)"
    imports = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(5)
    ]
    app, network = load_app("teleport"), load_network("two_generic")
    build = median_s(lambda: Simulation(Plan(app, network)))
    load = median_s(lambda: load_network("two_generic"))
    return [
        {"what": "import qnos", "value": statistics.median(imports), "unit": "s", "limit": 0.3},
        {"what": "two-node network built, in-process", "value": build * 1e3, "unit": "ms", "limit": 5.0},
        {"what": "network file loaded and checked", "value": load * 1e3, "unit": "ms"},
    ]


if __name__ == "__main__":
    show("Start", run())

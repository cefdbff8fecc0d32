"""The main job: one teleportation shot on two noisy nodes, SDK included, and where its wall time goes."""

from __future__ import annotations

import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType

from benchmarks.table import Row, show
from cnpu.app import load_app
from qnos.config import NetworkConfig
from qnos.loading import load_network, with_values
from qnos.simulate import Plan, Simulation
from qruntime.trace import Trace

PACKAGES = ("apps", "cnpu", "netqasm_isa", "qdriver", "qnpu", "qnos", "qruntime", "qworld")
SHOTS = 1000
REPEATS = 7


def _two_nv(efficiency: float) -> NetworkConfig:
    """NV centres joined by single clicks, each end's photons detected with that probability."""
    ends = {f"links.0.efficiency_{end}": efficiency for end in "ab"}
    return with_values("two_nv", {**ends, "os.qnpu.request_timeout_ns": 10**13})


# What, application, network, and the limit in ms.
_OTHERS: tuple[tuple[str, str, Callable[[], NetworkConfig], float | None], ...] = (
    ("teleport shot, two NV centres, single click, success 7e-5", "teleport", lambda: _two_nv(3.5e-4), 0.8),
    ("the same, success 1e-5", "teleport", lambda: _two_nv(4.6e-5), 0.8),
    ("blind computation on two NV centres", "bqc", lambda: _two_nv(3.5e-4), None),
    ("teleport shot, two noisy traps", "teleport", lambda: load_network("two_ion"), 2.0),
)


def run() -> list[Row]:
    """Medians over repeated batches of shots."""
    simulation = Simulation(Plan(load_app("teleport"), load_network("two_generic")))
    plain = _per_shot(lambda k: simulation.shot(k))
    trace = Trace()

    def with_digest(k: int) -> None:
        trace.begin(k)
        simulation.shot(k, trace.on_record)
        trace.end()

    digest = _per_shot(with_digest)
    rows: list[Row] = [
        {
            "what": "teleport shot, two noisy generic nodes, trace off",
            "value": plain * 1e3,
            "unit": "ms",
            "limit": 0.5,
        },
        {"what": "the same with trace and digest on", "value": digest * 1e3, "unit": "ms"},
        {"what": "events per shot", "value": _events(simulation), "unit": ""},
    ]
    for what, app, network, limit in _OTHERS:
        other = Simulation(Plan(load_app(app), network()))
        row: Row = {"what": what, "value": _per_shot(other.shot) * 1e3, "unit": "ms"}
        rows.append(row if limit is None else {**row, "limit": limit})
    shares = _shares(simulation)
    rows += [
        {"what": f"  of which in {package}", "value": plain * 1e3 * share, "unit": "ms"}
        for package, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    return rows


def _per_shot(shot: object) -> float:
    assert callable(shot)
    for k in range(100):
        shot(k)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for k in range(SHOTS):
            shot(k)
        times.append((time.perf_counter() - began) / SHOTS)
    return statistics.median(times)


def _events(simulation: Simulation) -> int:
    before = simulation.kernel.events
    simulation.shot(0)
    return simulation.kernel.events - before


def _shares(simulation: Simulation) -> dict[str, float]:
    """Share of processor time per package, by sampling the running frame every millisecond of it."""
    samples: Counter[str] = Counter()

    def sample(signum: int, frame: FrameType | None) -> None:
        while frame is not None:
            package = frame.f_globals.get("__name__", "").partition(".")[0]
            if frame.f_globals.get("__name__", "").startswith("qnos.shipped.apps"):
                package = "apps"
            if package in PACKAGES:
                samples[package] += 1
                return
            frame = frame.f_back

    old = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        for k in range(6 * SHOTS):
            simulation.shot(k)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
    total = samples.total()
    return {package: count / total for package, count in samples.items()}


if __name__ == "__main__":
    show("Teleportation", run())

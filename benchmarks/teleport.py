"""The main job: one teleportation shot on two noisy nodes, SDK included, and where its wall time goes."""

from __future__ import annotations

import signal
import statistics
import time
from collections import Counter
from types import FrameType

from benchmarks.table import Row, show
from cnpu.app import load_app
from qnos.loading import load_network
from qnos.simulate import Plan, Simulation
from qruntime.trace import Trace

PACKAGES = ("apps", "cnpu", "netqasm_isa", "qdriver", "qnpu", "qnos", "qruntime", "qworld")
SHOTS = 1000
REPEATS = 7


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
    ions = Simulation(Plan(load_app("teleport"), load_network("two_ion")))
    rows.append(
        {
            "what": "teleport shot, two noisy traps",
            "value": _per_shot(ions.shot) * 1e3,
            "unit": "ms",
            "limit": 2.0,
        }
    )
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

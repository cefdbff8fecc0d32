"""Utilisation of a node that shares its one qubit between entanglement in time bins and local programs.

The second half of the subject `utilisation`, which says what is compared."""

from __future__ import annotations

import math

import qnos
from qnos.config import NetworkConfig
from qnos.experiments import block
from qnos.loading import load_network
from qnos.workload import Entry, Workload
from qnos.workload_results import WorkloadResult
from validation.networks import PERFECT
from validation.programs import halves
from validation.row import Row

PAIR_NS = 570_000_000
CYCLE_NS = 10_000
BIN_NS = 20_000_000
SCHEDULE = {"bin_ns": BIN_NS, "period_ns": 2 * BIN_NS, "bins": [{"nodes": ["client", "server"]}]}
BINS = "bins of 20 ms every 40 ms"

# local programs -> share of time with attempts, share without, pairs per second, blocks per second
PUBLISHED = {
    0: (0.498, 0.0006, 0.885, 0.0),
    1: (0.597, 0.100, 0.885, 151.0),
    2: (0.696, 0.198, 0.885, 302.0),
    3: (0.795, 0.297, 0.885, 452.0),
    4: (0.893, 0.396, 0.885, 603.0),
    5: (0.983, 0.495, 0.871, 754.0),
    6: (1.000, 0.512, 0.872, 779.0),
}
SHARE = 0.02  # what may differ of a share of time,
PAIRS = 0.08  # of the pairs per second relative to them,
BLOCKS = 0.03  # and of the blocks per second


def rows(shots: int) -> list[Row]:
    """With bins for each number of local programs, and on demand for one."""
    found = [row for programs in PUBLISHED for row in _with_bins(programs, shots)]
    result = run(1, shots * 2_000_000_000, on_demand=True)
    blocks = result.apps["block"]
    busy = result.utilisation["client"]
    found.append(_exact("utilisation with attempts, N = 1, on demand", 0.995, busy.processor_all, SHARE))
    return [*found, _counted("blocks per second and program, N = 1, on demand", 1.8, blocks.finished, result)]


def run(programs: int, until_ns: int, on_demand: bool = False) -> WorkloadResult:
    """So many local programs beside one client, for so long."""
    entries = [Entry(app=halves, repetitions=None, think_ns=700_000)]
    if programs:
        node = {"worker": "client"}
        entries.append(Entry(app=block, count=programs, repetitions=None, think_ns=810_000, place=node))
    result = qnos.run(Workload("bins", tuple(entries)), _network(on_demand), until_ns=until_ns)
    assert not result.errors_total
    return result


def _with_bins(programs: int, shots: int) -> list[Row]:
    everything, local, pairs, blocks = PUBLISHED[programs]
    result = run(programs, shots * (200_000_000 if programs else 10_000_000_000))
    busy = result.utilisation["client"]
    what = f"N = {programs}, {BINS}"
    found = [
        _exact(f"utilisation with attempts, {what}", everything, busy.processor_all, SHARE),
        _exact(f"utilisation without attempts, {what}", local, busy.processor_local, SHARE),
    ]
    if not programs:
        return [*found, _counted(f"pairs per second, {what}", pairs, result.apps["halves"].finished, result)]
    made = (busy.processor_all - busy.processor_local) / (PAIR_NS * 1e-9)
    done = result.apps["block"].throughput_per_s
    return [
        *found,
        _exact(f"pairs per second that the attempts made promise, {what}", pairs, made, PAIRS * pairs),
        _exact(f"blocks per second, {what}", blocks, done, BLOCKS * blocks),
    ]


def _exact(what: str, published: float, ours: float, tolerance: float) -> Row:
    return Row(what=what, published=published, ours=ours, tolerance=tolerance, derived=True)


def _counted(what: str, published: float, count: int, result: WorkloadResult) -> Row:
    """A rate from a count; its error is that of a Poisson process."""
    seconds = result.sim_time_ns * 1e-9
    return Row(
        what=what,
        published=published,
        ours=count / seconds,
        error=math.sqrt(count) / seconds,
        tolerance=3.0,
        derived=True,
    )


def _network(on_demand: bool) -> NetworkConfig:
    device = {**PERFECT, "measure_ns": 16_000}
    return load_network(
        {
            "name": "validation",
            "os": {
                "preset": "qnodeos",
                "cnpu": {"submit_first_ns": 860_000},
                "qnpu": {"gate_ns": 34_000, "measure_ns": 504_000, "request_ns": 0},
                "latency": {"qnpu_qnpu_ns": 0},
            },
            "nodes": [
                {"name": "client", "device": {**device, "num_qubits": 1}},
                {"name": "server", "device": device},
            ],
            "links": [
                {
                    "nodes": ["client", "server"],
                    "kind": "depolarise",
                    "fidelity": 1,
                    "success_probability": CYCLE_NS / PAIR_NS,
                    "cycle_ns": CYCLE_NS,
                }
            ],
            "schedule": None if on_demand else SCHEDULE,
        }
    )

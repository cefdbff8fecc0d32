"""One configuration and seed give the same trace, byte for byte, in one process and in many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cnpu.app import load_app, shipped_apps
from qnos.config import NetworkConfig
from qnos.loading import load_network, with_values
from qnos.processes import ProcessNetwork
from qnos.simulate import Plan, simulate
from qruntime.errors import ConfigError

SHOTS = 3
# jitter of 20 us on every message and permuted ties: order that nobody promised must not matter
DISTURBED = {"testing.jitter_ns": 20_000, "testing.permute_ranks": True}


NV = {"nodes.*.device": {"kind": "nv", "num_qubits": 4}}  # moves, and devices that are shared with attempts


BATCHES = {  # preemption, and attempts that make room
    "os.qnpu.scheduler": "round_robin",
    "os.qnpu.scheduler_options": {"quantum_ns": 200_000},
    "os.qnpu.attempt_batch": 2,
}


LOSSES = {  # link-layer messages that get lost, and requests in an order of their own
    "channels": [{"nodes": ["alice", "bob"], "qnpu_loss": 0.3}],
    "os.qnpu.link_scheduler": "weighted_fair",
}
VARIANTS = {"": {}, "round_robin": BATCHES, "loss": LOSSES}


def disturbed(name: str) -> NetworkConfig:
    name, _, policy = name.partition(" by ")
    name, _, hardware = name.partition(" on ")
    network = with_values(load_network(name), {"os": "qnodeos", **DISTURBED, **(NV if hardware else {})})
    return with_values(network, VARIANTS[policy])


def apps_for(name: str) -> list[str]:
    """The shipped applications that can be placed on a network."""
    network = load_network(name)
    found = []
    for app in shipped_apps():
        try:
            Plan(load_app(app), network)
        except ConfigError:
            continue
        found.append(app)
    return found


@pytest.fixture(
    scope="module",
    params=[
        "two_generic",
        "two_generic on nv",
        "two_generic on nv by round_robin",
        "two_generic by loss",
        "three_generic",
        "star6",
        "two_nv",
    ],
)
def started(request: pytest.FixtureRequest) -> Iterator[ProcessNetwork]:
    """One network of processes per size, which serves every application through reset."""
    with ProcessNetwork(disturbed(request.param)) as processes:
        yield processes


def agree(processes: ProcessNetwork, app: str, seed: int, in_flight: int, shots: int = SHOTS) -> None:
    """The same digest, results and errors from both runners."""
    found = load_app(app)
    network = processes.network
    alone = simulate(found, network, shots=shots, seed=seed, trace=True)
    together = simulate(
        found, network, shots=shots, seed=seed, trace=True, processes=processes, in_flight=in_flight
    )
    assert together.trace_sha256 == alone.trace_sha256
    assert together.results == alone.results
    assert list(together.shot_sim_time_ns) == list(alone.shot_sim_time_ns)
    assert together.errors == alone.errors
    assert repr(together.metrics) == repr(alone.metrics)  # an interval may be NaN


def test_every_app_leaves_the_same_trace_with_processes(started: ProcessNetwork) -> None:
    apps = apps_for(started.network.name)
    assert len(apps) >= 2
    for app in apps:
        agree(started, app, seed=11, in_flight=2)


def test_trace_does_not_depend_on_shots_in_flight(started: ProcessNetwork) -> None:
    app = apps_for(started.network.name)[-1]
    for in_flight in (1, 5):
        agree(started, app, seed=12, in_flight=in_flight, shots=5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_every_app_and_seed_leaves_the_same_trace(started: ProcessNetwork, seed: int) -> None:
    for app in apps_for(started.network.name):
        agree(started, app, seed=seed, in_flight=4, shots=20)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["perfect", "two_generic_werner", "line3", "complete4", "qnodeos_nv"])
def test_fresh_start_leaves_the_same_trace_on_other_networks(name: str) -> None:
    with ProcessNetwork(load_network(name)) as processes:
        for app in apps_for(name):
            agree(processes, app, seed=1, in_flight=3, shots=5)

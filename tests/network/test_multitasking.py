"""Several applications on the same nodes at the same time: each behaves as if it were alone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from random import Random
from typing import Any

import pytest

from cnpu import App, Ended, Launch, Node, Qubit, load_app
from qnos.loading import with_values
from qnos.placing import place
from qnos.simulate import Plan, Simulation
from qnos.statistics import Tally
from qnos.testing import assert_within
from qruntime.trace import Trace
from tests.network.wiring import wired

REVERSED = {"alice": "bob", "bob": "alice"}
QUIET = {"kind": "generic", "num_qubits": 8, "t1_ns": 0, "t2_ns": 0, "two_qubit_gate_depolarise": 0}
ENOUGH = {"nodes.*.device.num_qubits": 12}


class Sessions:
    """A network with several applications loaded, one session each, in the order given."""

    def __init__(
        self, network: Any, *apps: Any, seed: int = 1, values: Mapping[str, Any] | None = None
    ) -> None:
        self.network = with_values(network, values or {})
        first, *others = apps
        self.apps: list[App] = [load_app(first)]
        self.simulation = Simulation(Plan(self.apps[0], self.network, seed=seed))
        for app in others:
            self.add(app)

    def add(self, source: Any, start_ns: int = 0, placement: Mapping[str, str] | None = None) -> None:
        app = load_app(source)
        placed, roles = place(app, self.network, placement or {})
        inputs = app.check_inputs(roles, {})
        cnpus = {cnpu.node: cnpu for cnpu in self.simulation.actors.cnpus}
        for role, main in roles.items():
            launch = Launch(len(self.apps), app.name, role, main, inputs[role], placed, start_ns)
            cnpus[placed[role]].launches.append(launch)
        self.apps.append(app)

    def shot(self, number: int) -> list[dict[str, Ended]]:
        """Run one; session -> role -> how its program ended."""
        self.simulation.shot(number)
        ended: list[dict[str, Ended]] = [{} for _ in self.apps]
        for end in self.simulation.ended():
            ended[end.session][end.role] = end
        return ended

    def metrics(self, session: int, ends: dict[str, Ended]) -> dict[str, Any]:
        """Metrics of one session in one shot."""
        metrics = self.apps[session].metrics
        assert metrics is not None
        return metrics({role: end.value for role, end in ends.items()})


def failures(ends: dict[str, Ended]) -> list[str]:
    return [f"{end.role}: {end.error.message}" for end in ends.values() if end.error is not None]


def assert_ideal(metrics: dict[str, Any]) -> None:
    """Every metric at the value that a perfect network gives it."""
    for name, value in metrics.items():
        wanted = 0 if name.startswith(("error", "trap")) else 1
        assert value is None or value == wanted, name


@pytest.mark.parametrize("preset", ["ideal", "qnodeos"])
def test_six_applications_on_a_perfect_network_all_stay_perfect(preset: str) -> None:
    names = ["teleport", "distributed_cnot", "bell_pair", "distill", "bqc", "rsp"]
    sessions = Sessions("perfect", *names, values={**ENOUGH, "os": preset})
    for number in range(20):
        for session, ends in enumerate(sessions.shot(number)):
            assert len(ends) == 2 and not failures(ends)
            assert_ideal(sessions.metrics(session, ends))


@pytest.mark.parametrize("scheduler", ["round_robin", "edf", "fair_share"])
def test_applications_stay_perfect_under_every_policy(scheduler: str) -> None:
    """Four programs per node, deadlines and weights drawn from seed 8; every policy interrupts."""
    draw = Random(8)
    values = {"os.qnpu.scheduler": scheduler, "os.qnpu.attempt_batch": 3, **ENOUGH}
    if scheduler == "round_robin":
        values["os.qnpu.scheduler_options"] = {"quantum_ns": 100_000}
    network = with_values("two_generic", {"links.0.fidelity": 1.0, "nodes.*.device": QUIET})
    sessions = Sessions(network, "distributed_cnot", "teleport", "bell_pair", "teleport", values=values)
    for cnpu in sessions.simulation.actors.cnpus:
        for launch in cnpu.launches:
            launch.weight, launch.deadline_ns = draw.randrange(1, 5), draw.choice((None, 10_000_000))
    trace: list[str] = []
    for number in range(10):
        sessions.simulation.shot(number, lambda actor, emit: trace.append(emit.event))
        ended: list[dict[str, Ended]] = [{} for _ in sessions.apps]
        for end in sessions.simulation.ended():
            ended[end.session][end.role] = end
        for session, ends in enumerate(ended):
            assert not failures(ends)
            assert_ideal(sessions.metrics(session, ends))
    assert "PROCESSOR_PREEMPT_USER_PROCESS" in trace


def test_both_directions_at_once() -> None:
    sessions = Sessions("perfect", "teleport", values=ENOUGH)
    sessions.add("teleport", placement=REVERSED)
    sessions.add("bell_pair", placement=REVERSED)
    for number in range(20):
        for session, ends in enumerate(sessions.shot(number)):
            assert not failures(ends)
            assert_ideal(sessions.metrics(session, ends))


def test_noise_of_a_shared_link_reaches_each_session_as_if_alone() -> None:
    """N = 350, seed 2, 4 sigma: every metric at the closed form of the application run alone."""
    sessions = Sessions("two_generic_werner", "teleport", "bell_pair", "distill", seed=2)
    wanted = [
        {"fidelity": (2 * 0.9 + 1) / 3},
        {"fidelity": 0.9},
        {"success": 0.87555556, "fidelity": 0.92639594},
    ]
    tallies = [{name: Tally() for name in metrics} for metrics in wanted]
    for number in range(350):
        for session, ends in enumerate(sessions.shot(number)):
            values = sessions.metrics(session, ends)
            for name, tally in tallies[session].items():
                if values[name] is not None:
                    tally.add(values[name])
    for metrics, session_tallies in zip(wanted, tallies, strict=True):
        for name, expected in metrics.items():
            assert_within(session_tallies[name].metric(), expected)


def test_pairs_of_one_session_are_never_handed_to_another() -> None:
    """N = 100 shots of 3 sessions with 3 pairs each, seed 3, 4 sigma: halves of one session agree always,
    those of two sessions half of the time."""
    sessions = Sessions("perfect", "bell_pair", "bell_pair", "bell_pair", seed=3)
    crossed = []
    for number in range(100):
        ended = sessions.shot(number)
        for session, ends in enumerate(ended):
            assert_ideal(sessions.metrics(session, ends))
        for one, two in combinations(ended, 2):
            crossed += [one["alice"].value[basis] == two["bob"].value[basis] for basis in "XYZ"]
    n = len(crossed)
    assert n == 900
    assert abs(sum(crossed) / n - 0.5) < 4 * (1 / (4 * n)) ** 0.5


def test_messages_stay_in_their_session_and_in_order() -> None:
    async def speak(node: Node) -> dict[str, Any]:
        for k in range(5):
            node.socket("bob").send([node.rng.random(), k])
            await node.sleep_ns(node.rng.randrange(1_000))
        return {"said": node.rng.random()}

    async def listen(node: Node) -> dict[str, Any]:
        return {"heard": [await node.socket("alice").recv() for _ in range(5)]}

    talk = {"alice": speak, "bob": listen}
    ended = Sessions("two_generic", talk, talk, talk, talk).shot(0)
    heard = [ends["bob"].value["heard"] for ends in ended]
    assert all([k for _, k in words] == [0, 1, 2, 3, 4] for words in heard)
    assert len({word for words in heard for word, _ in words}) == 20, "nobody heard what another session said"


def test_sessions_overlap_instead_of_taking_turns() -> None:
    alone = Sessions("two_generic", "teleport", seed=4)
    together = Sessions("two_generic", "teleport", "teleport", "teleport", seed=4)
    alone_ns = max(end.ended_ns for ends in alone.shot(0) for end in ends.values())
    together_ns = max(end.ended_ns for ends in together.shot(0) for end in ends.values())
    assert alone_ns < together_ns < 2 * alone_ns


def test_session_that_starts_later_joins_a_network_at_work() -> None:
    sessions = Sessions("two_generic", "teleport", seed=5)
    sessions.add("teleport", start_ns=3_000_000)
    sessions.add("bell_pair", start_ns=40_000_000, placement=REVERSED)
    ended = sessions.shot(0)
    assert not any(failures(ends) for ends in ended)
    starts = [{end.started_ns for end in ends.values()} for ends in ended]
    assert starts == [{0}, {3_000_000}, {40_000_000}]
    assert max(end.ended_ns for end in ended[0].values()) > 3_000_000, "they did overlap"


def test_ten_sessions_share_one_qubit_per_node() -> None:
    values = {"nodes.*.device.num_qubits": 1}
    sessions = Sessions("perfect", *["bell_pair"] * 10, values=values)
    for number in range(5):
        for session, ends in enumerate(sessions.shot(number)):
            assert not failures(ends)
            assert_ideal(sessions.metrics(session, ends))


def test_local_tomography_is_as_good_beside_entanglement() -> None:
    """40 shots, exact: elements of 1 and -1 never err on noiseless devices, whatever runs beside."""
    sessions = Sessions("perfect", "bell_pair", "lgt", "lgt", seed=6)
    sessions.add("lgt", placement={"tomographer": "bob"})
    seen = 0
    for number in range(40):
        ended = sessions.shot(number)
        assert_ideal(sessions.metrics(0, ended[0]))
        for session in (1, 2, 3):
            value = ended[session]["tomographer"].value
            if abs(value["ideal"]) > 0.5:
                assert value["agree"] == (value["ideal"] > 0)
                seen += 1
    assert seen > 20


def test_applications_over_three_nodes_run_beside_those_over_two() -> None:
    network = wired(("alice", "bob", 1.0), ("bob", "charlie", 1.0))
    sessions = Sessions(network, "swap", "ghz", "swap")
    sessions.add("teleport")
    sessions.add("teleport", placement={"alice": "charlie", "bob": "bob"})
    for number in range(10):
        for session, ends in enumerate(sessions.shot(number)):
            assert not failures(ends)
            assert_ideal(sessions.metrics(session, ends))


async def crash(node: Node) -> dict[str, Any]:
    """Fail with entanglement and a qubit in hand."""
    Qubit(node)
    node.epr("bob").create_keep()
    await node.flush()
    raise ValueError("on purpose")


async def trespass(node: Node) -> dict[str, Any]:
    """Touch a qubit of no one; ids of other programs must be out of reach."""
    await node.run_subroutine("# NETQASM 1.0\n# APPID 0\nset Q0 0\nh Q0\n")
    return {}


async def abandon(node: Node) -> dict[str, Any]:
    """Ask for a pair that the peer never asks for, and for a message that never comes."""
    node.epr("bob").create_keep()
    await node.flush()
    return {}


async def wait_in_vain(node: Node) -> dict[str, Any]:
    await node.socket("alice").recv()
    return {}


async def take_part(node: Node) -> dict[str, Any]:
    node.epr("alice").recv_keep()
    await node.flush()
    await node.socket("alice").recv()
    return {}


@pytest.mark.parametrize(
    ("alice", "bob", "code"),
    [
        (crash, take_part, "PROGRAM"),
        (trespass, wait_in_vain, "SUBROUTINE"),
        (abandon, wait_in_vain, "EPR"),
    ],
)
def test_failing_session_takes_nobody_along(alice: Any, bob: Any, code: str) -> None:
    sessions = Sessions("perfect", "teleport", {"alice": alice, "bob": bob}, "bell_pair")
    for number in range(10):
        good, bad, also_good = sessions.shot(number)
        error = bad["alice"].error
        assert error is not None and error.code == code, error
        assert bad["bob"].error is not None, "its peer is told"
        for session, ends in ((0, good), (2, also_good)):
            assert not failures(ends)
            assert_ideal(sessions.metrics(session, ends))


def test_what_a_failed_session_held_is_free_again() -> None:
    """Alice has two qubits, both taken by a program that fails; the teleport that starts later needs both."""
    sessions = Sessions(
        "perfect", {"alice": crash, "bob": take_part}, values={"nodes.*.device.num_qubits": 2}
    )
    sessions.add("teleport", start_ns=1_000_000)
    for number in range(10):
        bad, good = sessions.shot(number)
        assert failures(bad)
        assert not failures(good)
        assert_ideal(sessions.metrics(1, good))


def test_memory_deadlock_costs_the_youngest_session_and_frees_the_older() -> None:
    """Each teleport of Alice holds one of her two qubits and needs another."""
    sessions = Sessions("perfect", "teleport", "teleport", values={"nodes.*.device.num_qubits": 2})
    for number in range(10):
        older, younger = sessions.shot(number)
        assert not failures(older)
        assert_ideal(sessions.metrics(0, older))
        error = younger["alice"].error
        assert error is not None and error.code == "DEADLOCK"
        assert "memory deadlock on alice" in error.message
        assert younger["bob"].error is not None, "its peer does not wait in silence"


MIXES = {  # (seed, shot): what ran; found by search
    (6649, 0): [("bb84", 154_686, {}), ("bqc", 116_436, {}), ("chsh", 199_990, REVERSED)],
    (2481, 1): [
        ("distributed_cnot", 0, {}),
        ("chsh", 0, REVERSED),
        ("chsh", 258_778, REVERSED),
        ("teleport", 0, {}),
        ("distributed_cnot", 0, {}),
        ("bqc", 0, {}),
    ],
}


@pytest.mark.parametrize(("seed", "number"), MIXES)
def test_what_a_node_says_before_it_knows_of_a_pair_does_not_spoil_it(seed: int, number: int) -> None:
    """A QNPU offers its qubit again in the nanosecond in which that comes to hold half of a pair."""
    sessions = Sessions("perfect", "ping", seed=seed)
    for name, start_ns, placement in MIXES[seed, number]:
        sessions.add(name, start_ns, placement)
    for session, ends in enumerate(sessions.shot(number)):
        assert not failures(ends)
        if sessions.apps[session].name in ("distributed_cnot", "teleport", "bqc"):
            assert_ideal(sessions.metrics(session, ends))


@pytest.mark.parametrize("seed", range(12))
def test_any_mix_of_applications_on_a_perfect_network_stays_perfect(seed: int) -> None:
    """Applications, directions, starting times, costs, clocks, the luck of the link and disturbances are
    drawn from the seed.

    Starting times are whole microseconds, like most durations: much then happens in the same nanosecond.
    """
    draw = Random(seed)
    names = ["teleport", "distributed_cnot", "bell_pair", "distill", "bqc", "rsp", "lgt", "chsh", "e91"]
    for _ in range(3):
        link = {
            "nodes": ["alice", "bob"],
            "kind": "depolarise",
            "fidelity": 1.0,
            "success_probability": draw.choice([0.05, 0.5, 1.0]),
            "cycle_ns": draw.choice([1, 1_000, 100_000]),
            "random_bell_state": draw.random() < 0.5,
        }
        values = {
            "os": draw.choice(["ideal", "qnodeos"]),
            "links.0": link,
            "nodes.*.device.num_qubits": 24,
            "nodes.*.device.tick_ns": draw.choice([0, 0, 1_000, 10_000]),
            "testing.jitter_ns": draw.choice([0, 1_000, 300_000]),
            "testing.permute_ranks": draw.random() < 0.5,
        }
        sessions = Sessions("perfect", draw.choice(names), seed=seed, values=values)
        for _ in range(draw.randrange(2, 8)):
            name = draw.choice(names)
            ends = list(load_app(name).roles(2))
            nodes = draw.choice([["alice", "bob"], ["bob", "alice"]])
            start_ns = 1_000 * draw.choice([0, draw.randrange(300), draw.randrange(20_000)])
            sessions.add(name, start_ns, dict(zip(ends, nodes, strict=False)))
        for number in range(2):
            for session, ended in enumerate(sessions.shot(number)):
                assert not failures(ended)
                if sessions.apps[session].name not in ("lgt", "chsh", "e91"):  # their results are random
                    assert_ideal(sessions.metrics(session, ended))


def test_many_sessions_repeat_to_the_byte() -> None:
    def digest(seed: int) -> str:
        sessions = Sessions("two_generic", "teleport", "bqc", "distill", seed=seed)
        sessions.add("lgt", start_ns=1_000)
        trace = Trace()
        for number in range(5):
            trace.begin(number)
            sessions.simulation.shot(number, trace.on_record)
            trace.end()
        return trace.sha256()

    assert digest(7) == digest(7) != digest(8)

"""Programs from start to end: what they are given, what the QNPU is told, what they give back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cnpu import Cnpu, CnpuSettings, Node, Qubit
from netqasm_isa import assemble
from qruntime.actors import Arrival, Expiry, Start
from qruntime.errors import ConfigError, ProgramError
from qruntime.messages import Done, Register, Stop, Submit
from qruntime.rng import Streams
from tests.unit.cnpu.fake import Bench, run


async def idle(node: Node) -> None:
    """Does nothing."""


def test_register_opens_a_socket_to_every_linked_peer_that_both_ends_number_alike() -> None:
    bench = Bench()
    bench.launch(session=3, alice=idle, bob=idle, charlie=idle)
    bench.run()
    registers = {node: bench.qnpus[node].received[0][1] for node in bench.nodes}
    assert registers["alice"] == Register(
        0, "test", 5, "vanilla", 0, ((3073, 1, 3072, 100), (3074, 2, 3072, 100))
    )
    assert registers["bob"].sockets == ((3072, 0, 3073, 100), (3074, 2, 3073, 100))
    assert registers["charlie"].sockets == ((3072, 0, 3074, 100), (3073, 1, 3074, 100))


def test_register_says_what_schedulers_go_by() -> None:
    bench = Bench()
    bench.launch(alice=idle)
    launch = bench.cnpus["alice"].launches[0]
    launch.priority, launch.deadline_ns, launch.weight = 2, 5_000_000, 7
    bench.run()
    register = bench.qnpus["alice"].received[0][1]
    assert isinstance(register, Register)
    assert (register.priority, register.deadline_ns, register.weight) == (2, 5_000_000, 7)


def test_register_opens_no_socket_on_its_own_node() -> None:
    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=idle, bob=idle, charlie=idle)
    bench.run()
    sockets = [
        message.sockets for _, message in bench.qnpus["alice"].received if isinstance(message, Register)
    ]
    assert sockets == [((2, 2, 0, 100),), ((2, 2, 1, 100),)]
    (remote,) = [m for _, m in bench.qnpus["charlie"].received if isinstance(m, Register)]
    assert remote.sockets == ((0, 0, 2, 100), (1, 0, 2, 100))


def test_linked_peers_are_those_with_an_epr_socket() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        return {"linked": node.linked, "peers": node.peers}

    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=alice, bob=idle, charlie=idle)
    assert bench.run()[0, "alice"].value == {"linked": ["charlie"], "peers": ["bob", "charlie"]}


def test_request_uses_the_socket_of_its_peer() -> None:
    async def alice(node: Node) -> None:
        node.epr("charlie").create_keep()
        node.epr("bob", min_fidelity=80).create_keep()
        await node.flush()

    bench = Bench()
    run(bench, alice=alice, bob=idle, charlie=idle)
    requests = bench.qnpus["alice"].machines[0].requests
    assert [(r["node"], r["socket"], r["arguments"][4]) for r in requests] == [(2, 2, None), (1, 1, 80)]


@pytest.mark.parametrize("fidelity", [-1, 101, 80.5])
def test_fidelity_outside_of_percent_is_refused(fidelity: Any) -> None:
    async def alice(node: Node) -> None:
        node.epr("bob", min_fidelity=fidelity)

    error = run(alice=alice, bob=idle)["alice"].error
    assert error is not None and error.message.startswith(f"min_fidelity is {fidelity}")


def test_program_knows_its_node_its_role_and_its_peers() -> None:
    async def main(node: Node) -> dict[str, Any]:
        return {"name": node.name, "role": node.role, "peers": node.peers}

    bench = Bench()
    bench.launch(
        place={"client": "bob", "server": "charlie", "third": "bob"}, client=main, server=main, third=main
    )
    ended = bench.run()
    assert ended[0, "client"].value == {"name": "bob", "role": "client", "peers": ["server", "third"]}
    assert ended[0, "third"].value == {"name": "bob", "role": "third", "peers": ["client", "server"]}


def test_node_offers_loops_and_conditions() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        array = node.new_array(6, init=0)
        with node.loop(3) as i:
            for entry, condition in enumerate(
                (node.if_eq(i, 1), node.if_ne(i, 1), node.if_lt(i, 1), node.if_ge(i, 1), node.if_ez(i))
            ):
                with condition:
                    array[entry].add(1)
            with node.if_nz(i):
                array[5].add(1)
        await node.flush()
        return {"counts": list(array)}

    assert run(alice=alice)["alice"].value == {"counts": [1, 2, 1, 2, 1, 2]}


def test_launch_that_is_added_later_begins_with_the_next_start() -> None:
    bench = Bench()
    bench.launch(session=0, alice=idle)
    bench.run()
    bench.launch(session=1, alice=idle)
    bench.kernel.inject("alice/cnpu", Start(), 500)
    bench.kernel.run()
    ended = bench.cnpus["alice"].ended
    assert [(key, end.pid, end.started_ns) for key, end in ended.items()] == [
        ((0, "alice"), 0, 0),
        ((1, "alice"), 1, 500),
    ]


def test_node_must_be_one_of_the_network() -> None:
    with pytest.raises(ConfigError, match="node 'eve' is not among the nodes: alice, bob"):
        Cnpu(
            "eve",
            ["alice", "bob"],
            CnpuSettings(),
            qnpu_latency_ns=0,
            cnpu_latency_ns={},
            linked=[],
            streams=Streams(0),
            max_qubits=1,
        )


def test_inputs_are_copies() -> None:
    async def alice(node: Node, values: list[int], scale: int) -> dict[str, Any]:
        values.append(scale)
        return {"values": values}

    bench = Bench()
    bench.launch(alice=(alice, {"values": [1], "scale": 2}))
    assert [bench.run(shot)[0, "alice"].value for shot in range(2)] == [{"values": [1, 2]}] * 2


def test_result_has_ints_for_futures_and_nothing_for_none() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        a, b = Qubit(node).measure(), Qubit(node).measure()
        await node.flush()
        return {"both": (a, [b]), "sum": a + b}

    ended = run(Bench(outcomes={"alice": [1, 0]}), alice=alice, bob=idle)
    assert ended["alice"].value == {"both": (1, [0]), "sum": 1}
    assert type(ended["alice"].value["both"][0]) is int
    assert ended["bob"].value == {}


def test_what_is_unsent_when_a_program_returns_runs_before_it_ends() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        Qubit(node)
        node.submit()
        return {"m": Qubit(node).measure()}

    bench = Bench(outcomes={"alice": [1]}, run_ns=50)
    ended = run(bench, alice=alice)["alice"]
    assert ended.value == {"m": 1} and ended.ended_ns == 70
    kinds = [type(message) for _, message in bench.qnpus["alice"].received]
    assert kinds == [Register, Submit, Submit, Stop]


def test_random_numbers_depend_on_seed_shot_session_and_role_alone() -> None:
    async def main(node: Node) -> dict[str, Any]:
        assert isinstance(node.rng, random.Random) and node.rng is node.rng
        return {"draw": [node.rng.randrange(10**9), node.rng.random(), node.rng.choice("abc")]}

    def draws(seed: int, shot: int) -> list[Any]:
        bench = Bench(seed=seed)
        bench.launch(session=0, alice=main, bob=main)
        bench.launch(session=1, alice=main)
        bench.run(shot + 1)
        ended = bench.run(shot)
        return [ended[key].value["draw"] for key in sorted(ended)]

    reference = draws(1, 0)
    assert reference == draws(1, 0)
    others = [*reference, *draws(1, 1), *draws(2, 0)]
    assert len({draw[0] for draw in others}) == len(others)


def test_log_is_kept_with_its_time_and_traced_in_short() -> None:
    async def alice(node: Node) -> None:
        node.log("a", 1, 0.5)
        await node.sleep_ns(7)
        node.log("x" * 300)

    bench = Bench(tracing=True)
    ended = run(bench, alice=alice)["alice"]
    assert ended.log == [(0, "a 1 0.5"), (7, "x" * 300)]
    logged = [(emit.t_ns, emit.data) for _, emit in bench.records if emit.event == "PROGRAM_LOG"]
    assert logged == [(0, ("a 1 0.5",)), (7, ("x" * 200,))]


def test_trace_tells_submissions_results_and_messages_in_the_time_of_the_program() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        await node.flush()
        node.socket("bob").send(1)

    async def bob(node: Node) -> None:
        await node.socket("alice").recv()
        raise ValueError("broken")

    costs = CnpuSettings(submit_first_ns=1500, after_result_ns=370, after_message_ns=1320)
    bench = Bench(costs, tracing=True)
    run(bench, alice=alice, bob=bob)
    of = {
        name: [
            (e.t_ns, e.unit, e.event, e.pid, e.data) for actor, e in bench.records if actor == f"{name}/cnpu"
        ]
        for name in ("alice", "bob")
    }
    assert of["alice"] == [
        (0, "cnpu", "PROGRAM_STARTED", 0, (0, "alice", 0)),
        (0, "cnpu", "SUBROUTINE_SEND_ATTEMPT", 0, (0,)),
        (1500, "cnpu", "SUBROUTINE_SENT", 0, (0,)),
        (1500, "cnpu", "PROGRAM_WAITS", 0, (0, "", -1)),
        (1520, "cnpu", "RESULT_RCVD", 0, (0,)),
        (1890, "cnpu", "CLAS_MSG_SENT", 0, ("bob",)),
        (1890, "cnpu", "PROGRAM_ENDED", 0, ()),
    ]
    assert of["bob"][1] == (0, "cnpu", "PROGRAM_WAITS", 0, (-1, "alice", -1))
    assert of["bob"][2] == (1990, "cnpu", "CLAS_MSG_RCVD", 0, ("alice",))
    assert of["bob"][3][:4] == (3310, "cnpu", "PROGRAM_FAILED", 0)
    assert of["bob"][3][4][0] == "PROGRAM" and "ValueError: broken" in of["bob"][3][4][1]


def test_nothing_is_traced_when_nobody_listens() -> None:
    async def alice(node: Node) -> None:
        node.log("x")
        Qubit(node)
        await node.flush()

    bench = Bench()
    bench.launch(alice=alice)
    bench.run()
    assert bench.records == []


def test_programs_of_one_node_run_side_by_side() -> None:
    async def alice(node: Node, value: int) -> dict[str, Any]:
        qubit = Qubit(node)
        await node.flush()
        outcome = qubit.measure()
        await node.flush()
        return {"value": value, "m": outcome}

    bench = Bench(outcomes={"alice": [0, 1, 0]}, run_ns=5)
    for session in range(3):
        bench.launch(session=session, alice=(alice, {"value": session}))
    ended = bench.run()
    assert [ended[k, "alice"].value for k in range(3)] == [{"value": k, "m": k % 2} for k in range(3)]
    assert [ended[k, "alice"].pid for k in range(3)] == [0, 1, 2]
    assert {end.ended_ns for end in ended.values()} == {50}


def test_shots_are_alike_and_leave_nothing_behind() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        node.socket("bob").send(node.rng.random())
        outcome = Qubit(node).measure()
        await node.flush()
        await node.socket("bob").recv()
        return {"m": outcome}

    async def bob(node: Node) -> dict[str, Any]:
        got = await node.socket("alice").recv()
        node.socket("alice").send(0)
        if node.peers:
            await node.first_of(node.sleep_ns(10), node.socket("alice").recv())
        return {"got": got}

    bench = Bench(outcomes={"alice": [1]}, tracing=True)
    bench.launch(alice=alice, bob=bob)
    ended = [(bench.run(4), list(bench.records)) for _ in range(2)]
    assert ended[0] == ended[1]
    fresh = Bench(outcomes={"alice": [1]}, tracing=True)
    fresh.launch(alice=alice, bob=bob)
    assert fresh.run(4)[0, "bob"].value == ended[0][0][0, "bob"].value


def test_reset_in_the_middle_closes_what_is_suspended() -> None:
    closed = []

    async def alice(node: Node) -> None:
        async def inner() -> None:
            try:
                await node.socket("bob").recv()
            finally:
                closed.append("inner")

        try:
            await node.gather(inner(), node.sleep_ns(10**9))
        finally:
            closed.append("outer")

    bench = Bench()
    bench.launch(alice=alice, bob=idle)
    bench.kernel.reset(0)
    bench.kernel.run(until_ns=100)
    bench.cnpus["alice"].reset(1)
    assert closed == ["inner", "outer"]
    assert bench.cnpus["alice"].waits() == []


def test_answer_for_a_program_that_is_over_is_ignored() -> None:
    bench = Bench()
    bench.launch(alice=idle)
    bench.run()
    cnpu = bench.cnpus["alice"]
    assert list(cnpu.handle(Arrival("alice/qnpu", Done(0, 0, (), ())), 10)) == []
    assert list(cnpu.handle(Expiry(77), 10)) == []


def test_no_garbage_is_left_for_the_collector() -> None:
    """Programs are freed when they end, so memory is flat over many shots without the collector's help."""
    import gc

    async def alice(node: Node) -> dict[str, Any]:
        (qubit,) = node.epr("bob").create_keep(info=True)
        outcome = qubit.measure()
        await node.gather(node.flush(), node.sleep_ns(5))
        node.socket("bob").send(outcome)
        return {"m": outcome, "us": qubit_info(qubit)}

    def qubit_info(qubit: Qubit) -> int:
        assert qubit.entanglement_info is not None
        return int(qubit.entanglement_info.generation_duration_us)

    async def bob(node: Node) -> dict[str, Any]:
        return {"got": await node.socket("alice").recv()}

    bench = Bench(outcomes={"alice": [1]})
    bench.launch(alice=alice, bob=bob)
    for shot in range(3):
        bench.run(shot)
    gc.collect()
    gc.disable()
    try:
        for shot in range(5):
            bench.run(shot)
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- entanglement results -------------------------------------------------------------------------


def test_info_of_a_pair_is_known_after_the_flush() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        first, second = node.epr("bob").create_keep(number=2, info=True)
        await node.flush()
        infos = [first.entanglement_info, second.entanglement_info]
        return {
            "us": [i.generation_duration_us for i in infos],
            "bell": [i.bell_state for i in infos],
            "sequence": [i.sequence_number for i in infos],
            "node": [i.remote_node_id for i in infos],
        }

    value = run(alice=alice, bob=idle)["alice"].value
    assert value == {"us": [7, 8], "bell": [0, 0], "sequence": [100, 101], "node": [1, 1]}


def test_measured_pairs_give_their_outcomes() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        results = node.epr("bob").create_measure(number=3, random_basis_local="XYZ")
        await node.flush()
        return {
            "m": [r.measurement_outcome for r in results],
            "basis": [r.measurement_basis for r in results],
            "us": [r.generation_duration for r in results],
            "bell": [r.bell_state for r in results],
            "sequence": [r.sequence_number for r in results],
            "node": [r.remote_node_id for r in results],
        }

    value = run(Bench(outcomes={"alice": [1, 0, 1]}), alice=alice, bob=idle)["alice"].value
    assert value == {
        "m": [1, 0, 1], "basis": [2, 2, 2], "us": [7, 8, 9], "bell": [0] * 3, "sequence": [100, 101, 102],
        "node": [1] * 3,
    }  # fmt: skip


def test_sequential_pairs_are_measured_one_after_the_other() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        outcomes = node.new_array(4)

        def routine(node: Node, qubit: Qubit, index: Any) -> None:
            qubit.H()
            qubit.measure(future=outcomes[index])

        node.epr("bob").create_keep(number=4, sequential=True, post_routine=routine)
        after = Qubit(node)
        await node.flush()
        return {"m": list(outcomes), "id": after.qubit_id}

    bench = Bench(outcomes={"alice": [1, 1, 0, 1]})
    ended = run(bench, alice=alice, bob=idle)["alice"]
    assert ended.value == {"m": [1, 1, 0, 1], "id": 0}
    assert bench.qnpus["alice"].machines[0].requests[0]["ids"] == [0] * 4
    trail = [step[0] for step in bench.qnpus["alice"].machines[0].trail]
    assert trail == ["h", "meas", "qfree"] * 4 + ["qalloc", "init"]


# --- raw text -------------------------------------------------------------------------------------

RAW = """
# NETQASM 1.0
set R0 {value}
add R1 R0 R0
array 2 @5
store R1 @5[1]
ret_reg R1
ret_arr @5
"""


def test_raw_text_runs_with_values_for_its_templates() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        registers, arrays = await node.run_subroutine(RAW, {"value": 21})
        again = await node.run_subroutine(assemble("set M3 -4\nret_reg M3").encode())
        return {"registers": registers, "arrays": arrays, "again": again[0], "t": node.now_ns}

    value = run(alice=alice)["alice"].value
    assert value == {"registers": {"R1": 42}, "arrays": {5: [None, 42]}, "again": {"M3": -4}, "t": 40}


def test_what_was_built_is_sent_before_raw_text() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        await node.run_subroutine("set Q0 0\nx Q0")

    bench = Bench()
    assert run(bench, alice=alice)["alice"].error is None
    assert [text.splitlines()[-1] for text in bench.qnpus["alice"].texts()] == ["init Q0", "x Q0"]


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("sett Q0 0", None, "the subroutine is refused: line 1, column 1"),
        (RAW, None, "value"),
        (RAW, {"value": 1, "other": 2}, "other"),
        (RAW, {"value": 2**40}, "value"),
        ("set R0 0\ncrot_x Q0 Q1 1 1", None, "the subroutine is refused: line 2"),
        (7, None, "a subroutine is text, bytes or a Subroutine, not an int"),
        (b"", {"value": 1}, "bytes have no templates"),
    ],
)
def test_bad_text_is_refused_where_it_is_given(text: Any, values: Any, says: str) -> None:
    async def alice(node: Node) -> None:
        await node.run_subroutine(text, values)

    error = run(alice=alice)["alice"].error
    assert isinstance(error, ProgramError) and says in error.message


def test_program_of_another_flavour_uses_its_instructions() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        await node.run_subroutine("set Q0 0\nqalloc Q0\nrot_x Q0 1 1")
        with pytest.raises(ProgramError, match="cannot be encoded for nv"):
            Qubit(node).H()
            await node.flush()
        return {"t": node.now_ns}

    bench = Bench()
    bench.launch(alice=alice)
    bench.cnpus["alice"].launches[0].flavour = "nv"
    ended = bench.run()[0, "alice"]
    (register, *_) = [m for _, m in bench.qnpus["alice"].received if isinstance(m, Register)]
    assert register.flavour == "nv"
    assert ended.value == {"t": 20}

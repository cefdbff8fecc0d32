"""Program clocks and what computing costs, in exact ns."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cnpu import CnpuSettings, Node, Qubit
from qruntime.messages import Register, Stop, Submit
from tests.unit.cnpu.fake import Bench, run

COSTS = CnpuSettings(submit_first_ns=1500, submit_ns=860, after_result_ns=370, after_message_ns=1320)


async def two_flushes(node: Node) -> dict[str, Any]:
    qubit = Qubit(node)
    times = [node.now_ns]
    await node.flush()
    times.append(node.now_ns)
    qubit.measure()
    await node.flush()
    times.append(node.now_ns)
    return {"t": times}


def test_costs_add_up_on_the_clock_of_the_program_and_delay_what_it_sends() -> None:
    bench = Bench(COSTS, qnpu_ns=290, run_ns=140, outcomes={"alice": [0]})
    ended = run(bench, alice=two_flushes)["alice"]
    # submit 1500, down 290, run 140, up 290, compute 370; then the same with 860
    first = 1500 + 290 + 140 + 290 + 370
    second = first + 860 + 290 + 140 + 290 + 370
    assert ended.value == {"t": [0, first, second]}
    assert ended.ended_ns == second
    qnpu = bench.qnpus["alice"]
    assert qnpu.times(Register) == [290]
    assert qnpu.times(Submit) == [1500 + 290, first + 860 + 290]
    assert qnpu.times(Stop) == [second + 290]


def test_a_message_costs_before_the_next_submit() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        await node.flush()
        node.socket("bob").send(1)

    async def bob(node: Node) -> dict[str, Any]:
        await node.socket("alice").recv()
        received = node.now_ns
        Qubit(node)
        await node.flush()
        return {"received": received}

    bench = Bench(COSTS, qnpu_ns=290, cnpu_ns=320)
    ended = run(bench, alice=alice, bob=bob)
    sent = 1500 + 290 + 290 + 370
    assert ended["bob"].value == {"received": sent + 320 + 1320}
    assert bench.qnpus["bob"].times(Submit) == [sent + 320 + 1320 + 1500 + 290]


def test_a_message_that_lay_ready_costs_as_much_as_one_that_was_waited_for() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send(1)
        node.socket("bob").send(2)

    async def bob(node: Node) -> dict[str, Any]:
        await node.sleep_ns(5000)
        await node.socket("alice").recv()
        one = node.now_ns
        await node.socket("alice").recv()
        return {"t": [one, node.now_ns]}

    ended = run(Bench(COSTS), alice=alice, bob=bob)
    assert ended["bob"].value == {"t": [5000 + 1320, 5000 + 2 * 1320]}


def test_result_costs_once_however_often_it_is_awaited() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        Qubit(node)
        handle = node.submit()
        await node.gather(handle, handle)
        await handle
        return {"t": node.now_ns}

    assert run(Bench(COSTS), alice=alice)["alice"].value == {"t": 1500 + 20 + 370}


def test_submitting_does_not_wait_but_costs() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        qubit = Qubit(node)
        first = node.submit()
        qubit.X()
        second = node.submit()
        sent = node.now_ns
        await second
        return {"sent": sent, "done": node.now_ns, "numbers": [first.number, second.number]}

    bench = Bench(COSTS, run_ns=140, qnpu_ns=290)
    ended = run(bench, alice=alice)
    sent = 1500 + 860
    assert ended["alice"].value == {"sent": sent, "done": sent + 290 + 140 + 290 + 370, "numbers": [0, 1]}
    assert bench.qnpus["alice"].times(Submit) == [1500 + 290, sent + 290]


def test_flush_with_nothing_to_send_takes_no_time_and_sends_nothing() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        await node.flush()
        handle = await node.submit()
        return {"t": node.now_ns, "number": handle.number}

    bench = Bench(COSTS)
    assert run(bench, alice=alice)["alice"].value == {"t": 0, "number": -1}
    assert bench.qnpus["alice"].times(Submit) == []


def test_clock_never_runs_behind_the_event_that_wakes_the_program() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        Qubit(node)
        node.submit()  # the clock is at 1500 now
        times = []
        for duration_ns in (10, 3000):
            await node.sleep_ns(duration_ns)
            times.append(node.now_ns)
        return {"t": times}

    assert run(Bench(COSTS), alice=alice)["alice"].value == {"t": [1510, 4510]}


def test_programs_of_a_node_compute_at_the_same_time_unless_cores_are_counted() -> None:
    def starts(cores: int | None) -> list[int]:
        bench = Bench(msgspec.structs.replace(COSTS, cores=cores), outcomes={"alice": [0] * 4})
        for session in range(4):
            bench.launch(session=session, alice=two_flushes)
        ended = bench.run()
        assert all(end.error is None for end in ended.values())
        return bench.qnpus["alice"].times(Submit)[:4]

    assert starts(None) == [1510] * 4
    assert starts(4) == [1510] * 4
    assert starts(2) == [1510, 1510, 3010, 3010]
    assert starts(1) == [1510, 3010, 4510, 6010]


def test_cores_are_free_again_in_the_next_shot() -> None:
    bench = Bench(CnpuSettings(submit_first_ns=1500, cores=1), outcomes={"alice": [0]})
    bench.launch(alice=two_flushes)
    ends = [bench.run(shot)[0, "alice"].ended_ns for shot in range(3)]
    assert len(set(ends)) == 1


def test_program_starts_at_its_time() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        return {"t": node.now_ns}

    bench = Bench()
    bench.launch(session=0, start_ns=500, alice=alice)
    bench.launch(session=1, start_ns=0, alice=alice)
    ended = bench.run()
    assert (ended[0, "alice"].value, ended[0, "alice"].pid) == ({"t": 500}, 1)
    assert (ended[1, "alice"].value, ended[1, "alice"].pid) == ({"t": 0}, 0)


@pytest.mark.parametrize("field", ["submit_first_ns", "submit_ns", "after_result_ns", "after_message_ns"])
def test_settings_are_validated_when_they_are_read(field: str) -> None:
    assert getattr(msgspec.convert({field: 5}, CnpuSettings), field) == 5
    for wrong in ({field: -1}, {field: "x"}, {f"{field}s": 1}, {"cores": 0}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, CnpuSettings)
    assert msgspec.convert({"cores": 2}, CnpuSettings).cores == 2

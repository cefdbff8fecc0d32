"""Several things at once in one program: gather, first_of, timeout, sleep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import cnpu.program
from cnpu import Node
from qruntime.errors import LimitError, ProgramError, ProgramTimeout
from tests.unit.cnpu.fake import Bench, run


async def after(node: Node, duration_ns: int, value: Any) -> Any:
    await node.sleep_ns(duration_ns)
    if isinstance(value, Exception):
        raise value
    return value


def only(main: Any) -> Any:
    """How the one program of a session ended."""
    return run(alice=main)["alice"]


def test_gather_gives_results_in_the_order_of_its_arguments() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        results = await node.gather(after(node, 30, "a"), after(node, 10, "b"), after(node, 20, "c"))
        return {"results": results, "t": node.now_ns}

    assert only(alice).value == {"results": ["a", "b", "c"], "t": 30}


def test_gather_of_nothing_is_empty() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        return {"results": await node.gather()}

    assert only(alice).value == {"results": []}


def test_first_error_of_a_gather_cancels_the_others() -> None:
    cleaned = []

    async def patient(node: Node, name: str) -> None:
        try:
            await node.sleep_ns(10**6)
        finally:
            cleaned.append(name)

    async def alice(node: Node) -> dict[str, Any]:
        try:
            await node.gather(patient(node, "a"), after(node, 5, KeyError("x")), patient(node, "b"))
        except KeyError:
            return {"t": node.now_ns}
        return {}

    ended = only(alice)
    assert ended.value == {"t": 5}
    assert cleaned == ["a", "b"]
    assert ended.ended_ns == 5


def test_first_of_gives_index_and_result_and_cancels_the_rest() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        index, value = await node.first_of(after(node, 30, "slow"), after(node, 10, "quick"))
        return {"index": index, "value": value, "t": node.now_ns}

    assert only(alice).value == {"index": 1, "value": "quick", "t": 10}


def test_first_of_prefers_the_earlier_argument_when_both_are_ready() -> None:
    async def now(value: int) -> int:
        return value

    async def alice(node: Node) -> dict[str, Any]:
        return {"first": await node.first_of(now(1), now(2))}

    assert only(alice).value == {"first": (0, 1)}


def test_message_is_not_lost_by_a_receive_that_lost_a_race() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        socket = node.socket("bob")
        lost = await node.first_of(node.sleep_ns(10), socket.recv())
        return {"lost": lost[0], "got": await socket.recv()}

    async def bob(node: Node) -> None:
        await node.sleep_ns(100)
        node.socket("alice").send("later")

    assert run(alice=alice, bob=bob)["alice"].value == {"lost": 0, "got": "later"}


def test_messages_go_to_the_tasks_in_the_order_in_which_they_asked() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        socket = node.socket("bob")
        return {"got": await node.gather(socket.recv(), socket.recv(), socket.recv())}

    async def bob(node: Node) -> None:
        for i in range(3):
            node.socket("alice").send(i)

    assert run(alice=alice, bob=bob)["alice"].value == {"got": [0, 1, 2]}


def test_timeout_cancels_and_raises() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        try:
            await node.timeout(25, after(node, 26, "late"))
        except ProgramTimeout as error:
            return {"t": node.now_ns, "message": error.message}
        return {}

    ended = only(alice)
    assert ended.value == {"t": 25, "message": "not done within 25 ns"}
    assert ended.ended_ns == 25


def test_timeout_gives_the_result_in_time_and_the_error_of_its_coroutine() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        result = await node.timeout(25, after(node, 24, "in time"))
        with pytest.raises(KeyError):
            await node.timeout(25, after(node, 1, KeyError("x")))
        await node.sleep_ns(100)
        return {"result": result, "t": node.now_ns}

    assert only(alice).value == {"result": "in time", "t": 125}


def test_tasks_nest() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        async def pair(a: int, b: int) -> list[int]:
            return await node.gather(after(node, a, a), after(node, b, b))

        slow = node.timeout(15, pair(1, 100))
        with pytest.raises(ProgramTimeout):
            await node.gather(pair(1, 2), slow)
        return {"t": node.now_ns, "both": await node.gather(pair(3, 4), pair(5, 6))}

    assert only(alice).value == {"t": 15, "both": [[3, 4], [5, 6]]}


def test_flush_runs_beside_a_receive() -> None:
    from cnpu import Qubit

    async def alice(node: Node) -> dict[str, Any]:
        outcome = Qubit(node).measure()
        _, message = await node.gather(node.flush(), node.socket("bob").recv())
        return {"m": outcome, "message": message}

    async def bob(node: Node) -> None:
        node.socket("alice").send("hello")

    ended = run(Bench(outcomes={"alice": [1]}), alice=alice, bob=bob)
    assert ended["alice"].value == {"m": 1, "message": "hello"}


@pytest.mark.parametrize("call", ["gather", "first_of"])
def test_what_cannot_be_awaited_is_refused(call: str) -> None:
    async def alice(node: Node) -> None:
        await getattr(node, call)(node.sleep_ns(1), 3)

    error = only(alice).error
    assert isinstance(error, ProgramError) and error.message.startswith("3 cannot be awaited")


def test_first_of_needs_something() -> None:
    async def alice(node: Node) -> None:
        await node.first_of()

    assert only(alice).error.message == "first_of needs at least one awaitable"


@pytest.mark.parametrize("duration_ns", [-1, "1", True, float("nan")])
def test_bad_duration_is_refused(duration_ns: Any) -> None:
    async def alice(node: Node) -> None:
        await node.sleep_ns(duration_ns)

    assert only(alice).error.message.startswith(f"duration_ns is {duration_ns!r}")


def test_bad_time_limit_is_refused() -> None:
    async def alice(node: Node) -> None:
        await node.timeout(-5, node.sleep_ns(1))

    assert only(alice).error.message.startswith("limit_ns is -5")


def test_fractional_duration_is_rounded_to_a_nanosecond() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        await node.sleep_ns(1e3 * 1.0006)
        return {"t": node.now_ns}

    assert only(alice).value == {"t": 1001}


def test_awaiting_in_the_clean_up_of_a_cancelled_task_is_an_error() -> None:
    async def stubborn(node: Node) -> None:
        try:
            await node.sleep_ns(100)
        finally:
            await node.sleep_ns(1)

    async def alice(node: Node) -> None:
        await node.first_of(stubborn(node), node.sleep_ns(5))

    error = only(alice).error
    assert isinstance(error, ProgramError) and "awaits in its clean-up code" in error.message


def test_error_of_clean_up_code_is_raised_by_the_join() -> None:
    async def messy(node: Node) -> None:
        try:
            await node.sleep_ns(100)
        finally:
            raise KeyError("mess")

    async def alice(node: Node) -> None:
        await node.first_of(messy(node), node.sleep_ns(5))

    assert "KeyError" in only(alice).error.message


def test_number_of_tasks_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.program, "PROGRAM_TASKS", 4)

    async def alice(node: Node) -> dict[str, Any]:
        for _ in range(3):  # tasks that are over or cancelled do not count
            await node.gather(*(node.sleep_ns(1) for _ in range(4)))
            await node.first_of(*(node.sleep_ns(i) for i in range(4)))
        with pytest.raises(LimitError, match="more than 4 tasks"):
            await node.gather(*(node.sleep_ns(1) for _ in range(5)))
        return {"t": node.now_ns}

    assert only(alice).value == {"t": 3}


@pytest.mark.parametrize("what", [asyncio.sleep(0).__await__, None])
def test_foreign_awaitable_is_an_error_that_names_the_line(what: Any) -> None:
    async def alice(node: Node) -> None:
        await asyncio.sleep(0)  # FOREIGN

    error = only(alice).error
    line = _line_of("# FOREIGN")
    assert isinstance(error, ProgramError)
    assert error.message == (
        f"test_tasks.py line {line} awaits something foreign; a program can await only what `node` offers"
    )
    assert (error.data["file"], error.data["line"]) == ("test_tasks.py", line)


def test_foreign_future_is_an_error_that_names_the_line_and_can_be_caught_there() -> None:
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()
    finally:
        loop.close()

    async def helper() -> None:
        await future  # FUTURE

    async def alice(node: Node) -> dict[str, Any]:
        with pytest.raises(ProgramError, match=f"line {_line_of('# FUTURE')} awaits a Future"):
            await helper()
        await node.sleep_ns(3)
        return {"t": node.now_ns}

    assert only(alice).value == {"t": 3}


def test_event_loop_of_asyncio_is_missed_with_a_hint() -> None:
    async def alice(node: Node) -> None:
        await asyncio.sleep(1)

    error = only(alice).error
    assert isinstance(error, ProgramError) and "can await only what `node` offers" in error.message


def test_waiting_for_something_of_another_program_is_refused() -> None:
    stolen: list[Any] = []

    async def alice(node: Node) -> None:
        stolen.append(node)
        await node.sleep_ns(100)

    async def bob(node: Node) -> None:
        await node.sleep_ns(1)
        await stolen[0].sleep_ns(5)

    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=alice, bob=bob)
    ended = bench.run()
    error = ended[0, "bob"].error
    assert error is not None and "awaits something of another program" in error.message
    assert ended[0, "alice"].error is None


def _line_of(mark: str) -> int:
    with open(__file__) as file:
        return next(i for i, text in enumerate(file, 1) if text.rstrip().endswith(f"  {mark}"))

"""Programs that go on and on within one simulated nanosecond."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import cnpu.program
from cnpu import CnpuSettings, Node, Qubit
from qruntime.errors import PeerFailed, ProgramError, ProgramTimeout
from qruntime.limits import PROGRAM_RESUMES, PROGRAM_TASKS, ZERO_WAIT_RESUMES
from qruntime.messages import Stop
from tests.unit.cnpu.fake import Bench, run

LIMIT = 200  # where a test sets one


@pytest.fixture
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.program, "PROGRAM_RESUMES", LIMIT)


def line_of(mark: str) -> int:
    with open(__file__) as file:
        return next(i for i, text in enumerate(file, 1) if text.rstrip().endswith(f"  {mark}"))


async def ready() -> int:
    return 1


async def sleeps(node: Node) -> None:
    while True:
        await node.sleep_ns(0)  # SLEEPS


async def gathers(node: Node) -> None:
    while True:
        await node.gather(ready(), ready())  # GATHERS


async def races(node: Node) -> None:
    while True:
        await node.first_of(ready(), node.sleep_ns(10))  # RACES


async def polls(node: Node) -> None:
    while True:
        try:
            await node.socket("bob").recv(timeout_ns=0)  # POLLS
        except ProgramTimeout:
            continue


async def gives_no_time(node: Node) -> None:
    while True:
        try:
            await node.timeout(0, node.sleep_ns(10))  # GIVES NO TIME
        except ProgramTimeout:
            continue


LOOPS = [
    (sleeps, "# SLEEPS"),
    (gathers, "# GATHERS"),
    (races, "# RACES"),
    (polls, "# POLLS"),
    (gives_no_time, "# GIVES NO TIME"),
]


@pytest.mark.parametrize(("loop", "mark"), LOOPS)
def test_loop_without_time_ends_its_program_alone_with_its_line(
    loop: Callable[[Node], Awaitable[None]], mark: str
) -> None:
    """With the limits as they are: few enough events that it is over soon with processes as well."""

    async def alice(node: Node) -> None:
        await node.sleep_ns(7)
        await loop(node)

    async def bob(node: Node) -> None:
        await node.sleep_ns(10)
        await node.socket("alice").recv()

    async def other(node: Node) -> dict[str, Any]:
        await node.sleep_ns(1000)
        return {"fine": True}

    bench = Bench()
    bench.launch(session=0, alice=alice, bob=bob)
    bench.launch(session=1, alice=other)
    ended = bench.run()
    error = ended[0, "alice"].error
    assert isinstance(error, ProgramError)
    line = line_of(mark)
    assert error.message == (
        f"test_endless.py line {line}: the program loops without simulated time passing, at 7 ns; allowed "
        "are 100000 resumes in one nanosecond, of which a wait of 0 ns counts as 50"
    )
    assert (error.data["file"], error.data["line"]) == ("test_endless.py", line)
    assert f"line {line}, in {loop.__name__}" in ended[0, "alice"].traceback
    assert ended[0, "alice"].ended_ns == 7
    assert isinstance(ended[0, "bob"].error, PeerFailed)
    assert ended[1, "alice"].value == {"fine": True}
    assert bench.qnpus["alice"].times(Stop) == [17, 1010]
    assert bench.kernel.events < PROGRAM_RESUMES / ZERO_WAIT_RESUMES + 20


def test_two_tasks_that_keep_each_other_busy_are_ended(low_limit: None) -> None:
    async def alice(node: Node) -> None:
        await node.gather(sleeps(node), node.sleep_ns(10), gathers(node))

    error = run(alice=alice)["alice"].error
    assert isinstance(error, ProgramError) and "loops without simulated time passing" in error.message
    assert error.data["line"] in (line_of("# SLEEPS"), line_of("# GATHERS"))


def test_programs_of_one_node_that_keep_each_other_busy_are_ended(low_limit: None) -> None:
    def endless(peer: str) -> Any:
        async def main(node: Node) -> None:
            while True:
                node.socket(peer).send(0)
                await node.socket(peer).recv()

        return main

    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=endless("bob"), bob=endless("alice"))
    ended = bench.run()
    # each has a message of the other in hand when it is told
    assert {type(end.error) for end in ended.values()} == {ProgramError}
    assert all(end.ended_ns == 0 for end in ended.values())


def test_clean_up_of_an_endless_program_runs(low_limit: None) -> None:
    cleaned = []

    async def worker(node: Node, name: str) -> None:
        try:
            await (sleeps(node) if name == "busy" else node.sleep_ns(1000))
        finally:
            cleaned.append(name)

    async def alice(node: Node) -> None:
        await node.gather(worker(node, "idle"), worker(node, "busy"))

    assert run(alice=alice)["alice"].error is not None
    assert sorted(cleaned) == ["busy", "idle"]


def test_program_may_catch_the_error_and_let_time_pass(low_limit: None) -> None:
    async def alice(node: Node) -> dict[str, Any]:
        caught = []
        for _ in range(3):
            try:
                await sleeps(node)
            except ProgramError as error:
                caught.append(error.message)
            await node.sleep_ns(5)
        return {"caught": len(caught), "t": node.now_ns}

    ended = run(alice=alice)["alice"]
    assert ended.value == {"caught": 3, "t": 15}


@pytest.mark.parametrize("clean_up", ["none", "stubborn"])
def test_program_that_goes_on_after_the_error_is_ended_for_good(low_limit: None, clean_up: str) -> None:
    turns = []

    async def alice(node: Node) -> None:
        while True:
            try:
                await node.sleep_ns(0)  # AGAIN
            except ProgramError as error:
                turns.append(error)
            except GeneratorExit:
                if clean_up == "none" or len(turns) > 5:
                    raise
                turns.append(None)

    ended = run(alice=alice)["alice"]
    assert isinstance(ended.error, ProgramError) and ended.error.data["line"] == line_of("# AGAIN")
    assert f"line {line_of('# AGAIN')}, in alice" in ended.traceback
    assert sum(turn is not None for turn in turns) == 1


def test_long_loops_in_which_time_passes_are_fine(low_limit: None) -> None:
    async def alice(node: Node) -> dict[str, Any]:
        for _ in range(3 * LIMIT):
            await node.sleep_ns(1)
        for _ in range(3 * LIMIT):
            Qubit(node).free()
            await node.flush()
        return {"t": node.now_ns}

    assert run(alice=alice)["alice"].value == {"t": 3 * LIMIT * 21}


def test_cost_on_the_clock_of_the_program_is_time_that_passes(low_limit: None) -> None:
    """All messages are there; taking each costs 3 ns, so no nanosecond has many resumes."""

    async def alice(node: Node) -> None:
        for i in range(2 * LIMIT):
            node.socket("bob").send(i)

    async def bob(node: Node) -> dict[str, Any]:
        await node.sleep_ns(1000)
        for _ in range(2 * LIMIT):
            await node.gather(node.socket("alice").recv())
        return {"t": node.now_ns}

    ended = run(Bench(CnpuSettings(after_message_ns=3)), alice=alice, bob=bob)
    assert ended["bob"].value == {"t": 1000 + 3 * 2 * LIMIT}


def test_many_tasks_may_yield_to_each_other() -> None:
    """With the limits as they are: as many tasks as are allowed, each giving way once."""

    async def alice(node: Node) -> dict[str, Any]:
        await node.gather(*(node.sleep_ns(0) for _ in range(PROGRAM_TASKS)))
        return {"t": node.now_ns}

    assert run(alice=alice)["alice"].value == {"t": 0}

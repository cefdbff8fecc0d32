"""What goes wrong, and where the program hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import pytest

import cnpu.compiled
import cnpu.program
from cnpu import Ended, Node, NoValueError, Qubit
from qruntime.errors import (
    Deadlock,
    EprError,
    Fault,
    LimitError,
    PeerFailed,
    PredecessorAborted,
    ProgramError,
    QnosError,
    SubroutineError,
)
from qruntime.messages import Refused, Register, Stop
from tests.unit.cnpu.fake import Bench, run


def line_of(mark: str) -> int:
    with open(__file__) as file:
        return next(i for i, text in enumerate(file, 1) if text.rstrip().endswith(f"  {mark}"))


async def idle(node: Node) -> None:
    """A peer that does nothing."""


def only(main: Any, bench: Bench | None = None) -> Ended:
    """How alice ended; bob does nothing."""
    return run(bench, alice=main, bob=idle)["alice"]


def index_of_wait(main: Any) -> int:
    """Where a program's first subroutine waits for pairs."""
    bench = Bench()
    only(main, bench)
    lines = bench.qnpus["alice"].texts()[0].splitlines()
    return next(i for i, line in enumerate(lines) if line.startswith("wait_all"))


# --- subroutines ----------------------------------------------------------------------------------


def test_aborted_subroutine_raises_at_the_flush_with_instruction_and_source_line() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        (qubit,) = node.epr("bob").create_keep()
        Qubit(node).X()
        try:
            qubit.H()  # AT FAULT
            await node.flush()
        except SubroutineError as error:
            return {"message": error.message, **error.data}
        return {}

    bench = Bench()
    machine_fault = bench.qnpus["alice"]
    machine_fault.faults[0] = Fault(
        "SUBROUTINE",
        "subroutine 0 of process 0: instruction 20 `h Q0`: qubit 0 is not allocated",
        {"index": 20, "instruction": "h Q0"},
    )
    value = only(alice, bench).value
    line = line_of("# AT FAULT")
    assert value == {
        "message": f"subroutine 0 of process 0: instruction 20 `h Q0` (test_failures.py line {line}): "
        "qubit 0 is not allocated",
        "index": 20,
        "instruction": "h Q0",
        "file": "test_failures.py",
        "line": line,
    }


def test_line_map_is_right_for_every_call_and_for_the_head() -> None:
    seen: list[tuple[int, int | None]] = []

    async def alice(node: Node) -> None:
        first = Qubit(node)  # FIRST
        second = Qubit(node)  # SECOND
        first.cnot(second)  # CNOT
        with first.measure().if_eq(1):  # BRANCH
            second.X()  # BODY
        handle = node.submit()
        assert handle.compiled is not None
        for index in range(handle.compiled.length):
            place = handle.compiled.place(index)
            seen.append((index, place.line if place is not None else None))

    assert only(alice, Bench(outcomes={"alice": [0]})).error is None
    lines = {mark: line_of(f"# {mark}") for mark in ("FIRST", "SECOND", "CNOT", "BRANCH", "BODY")}
    head = 3  # set Q0, set Q1, set C0
    expected = [None] * head + [lines[name] for name in ["FIRST"] * 2 + ["SECOND"] * 2 + ["CNOT"]]
    expected += [lines["BRANCH"]] * 3 + [lines["BODY"]]
    assert [line for _, line in seen[: len(expected)]] == expected


def test_real_fault_of_the_interpreter_is_located() -> None:
    async def alice(node: Node) -> None:
        array = node.new_array(2)
        with node.loop(3) as i:
            array.store(i, 1)  # BEYOND THE END
        await node.flush()

    error = only(alice).error
    assert isinstance(error, SubroutineError)
    assert error.data["line"] == line_of("# BEYOND THE END")
    assert "index 2 outside of array @0" in error.message


def test_fault_without_an_instruction_keeps_its_text() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        await node.flush()

    bench = Bench()
    bench.qnpus["alice"].faults[0] = Fault("EPR", "no room", {"epr": "NORES"})
    error = only(alice, bench).error
    assert isinstance(error, EprError)
    assert error.message == "no room" and error.data["epr"] == "NORES"


def test_queued_subroutines_fail_with_the_first_as_their_cause() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        handles = []
        for _ in range(3):
            Qubit(node)
            handles.append(node.submit())
        with pytest.raises(PredecessorAborted) as caught:
            await handles[2]
        return {"cause": str(caught.value.__cause__)}

    bench = Bench()
    faults = bench.qnpus["alice"].faults
    faults[0] = Fault("SUBROUTINE", "the first one", {})
    faults[1] = faults[2] = Fault("PREDECESSOR_ABORTED", "because of 0", {})
    assert only(alice, bench).value == {"cause": "the first one"}


def test_abort_that_nobody_awaited_is_raised_when_the_program_returns() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        node.submit()
        await node.sleep_ns(1000)

    bench = Bench()
    bench.qnpus["alice"].faults[0] = Fault("SUBROUTINE", "broken", {})
    error = only(alice, bench).error
    assert error is not None and error.message == "broken"


def test_program_goes_on_after_an_abort_it_caught() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        doomed = Qubit(node)
        with pytest.raises(SubroutineError):
            await node.flush()
        assert not doomed.active
        outcome = Qubit(node).measure()
        await node.flush()
        return {"m": outcome}

    bench = Bench(outcomes={"alice": [1]})
    bench.qnpus["alice"].faults[0] = Fault("SUBROUTINE", "broken", {})
    assert only(alice, bench).value == {"m": 1}


def test_abort_undoes_what_did_not_run_and_keeps_what_did() -> None:
    """Handles must say what is bound at the QNPU: an unbound id is free, a qubit not freed still there."""

    async def alice(node: Node) -> dict[str, Any]:
        old = Qubit(node)
        await node.flush()
        before = Qubit(node)
        node.new_array(1)[0].if_eq(0).__enter__()  # loads an entry that has no value: aborts here
        node.builder.leave(node.builder._blocks[-1])
        outcome = old.measure()
        after = Qubit(node)
        with pytest.raises(SubroutineError):
            await node.flush()
        facts = {"old": old.active, "before": before.active, "after": after.active, "known": outcome.value}
        with pytest.raises(ProgramError, match="lost with the subroutine that was to make it"):
            after.X()
        facts["new"] = Qubit(node).qubit_id
        old.measure()
        await node.flush()
        return facts

    ended = only(alice, Bench(outcomes={"alice": [1, 1]}))
    assert ended.value == {"old": True, "before": True, "after": False, "known": None, "new": 2}


def test_failed_entanglement_can_be_tried_again_with_the_same_id() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        ids = []
        for _ in range(3):
            (qubit,) = node.epr("bob").create_keep()
            ids.append(qubit.qubit_id)
            try:
                await node.flush()
            except EprError:
                assert not qubit.active
        return {"ids": ids}

    bench = Bench()
    for number in (0, 1):
        fault = Fault("EPR", "timed out", {"index": index_of_wait(alice), "epr": "TIMEOUT"})
        bench.qnpus["alice"].faults[number] = fault
    assert only(alice, bench).value == {"ids": [0, 0, 0]}


def test_pairs_delivered_before_a_failure_stay() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        pairs = node.epr("bob").create_keep(number=3)
        with contextlib.suppress(EprError):
            await node.flush()
        return {"active": [qubit.active for qubit in pairs]}

    bench = Bench()
    bench.qnpus["alice"].faults[0] = Fault("EPR", "failed", {"index": index_of_wait(alice), "delivered": 2})
    assert only(alice, bench).value == {"active": [True, True, False]}


@pytest.mark.parametrize("option", ["atomic", "consecutive"])
def test_pairs_of_a_request_that_stands_or_falls_as_one_go_with_it(option: str) -> None:
    async def alice(node: Node) -> dict[str, Any]:
        pairs = node.epr("bob").create_keep(number=3, **{option: True})
        with contextlib.suppress(EprError):
            await node.flush()
        return {"active": [qubit.active for qubit in pairs]}

    bench = Bench()
    bench.qnpus["alice"].faults[0] = Fault("EPR", "failed", {"index": index_of_wait(alice), "delivered": 2})
    assert only(alice, bench).value == {"active": [False] * 3}


def test_subroutine_that_is_too_long_is_dropped_and_the_program_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cnpu.compiled, "SUBROUTINE_INSTRUCTIONS", 50)

    async def alice(node: Node) -> dict[str, Any]:
        lost = Qubit(node)
        for _ in range(50):
            lost.X()
        with pytest.raises(LimitError, match="a subroutine of 53 instructions; 50 are allowed"):
            await node.flush()
        found = Qubit(node)
        await node.flush()
        return {"lost": lost.active, "id": found.qubit_id}

    assert only(alice).value == {"lost": False, "id": 0}


def test_subroutines_on_their_way_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.program, "SUBROUTINES_QUEUED", 2)

    async def alice(node: Node) -> None:
        for _ in range(3):
            Qubit(node)
            node.submit()

    error = only(alice).error
    assert isinstance(error, LimitError) and "more than 2 subroutines" in error.message


# --- requests and system calls --------------------------------------------------------------------


def test_failed_request_is_raised_where_the_program_waits() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        Qubit(node)
        await node.flush()
        try:
            await node.socket("bob").recv()
        except EprError as error:
            return {"message": error.message, "t": node.now_ns}
        return {}

    bench = Bench()
    bench.qnpus["alice"].failures[0] = Fault("EPR", "withdrawn", {"epr": "REJECTED"})
    assert only(alice, bench).value == {"message": "withdrawn", "t": 20}


def test_refused_system_call_is_raised_where_the_program_waits() -> None:
    async def alice(node: Node) -> None:
        await node.sleep_ns(100)

    bench = Bench()
    qnpu = bench.qnpus["alice"]
    original = qnpu.handle

    def refuse(event: Any, now_ns: int) -> Any:
        from qruntime.actors import Send

        original(event, now_ns)
        if isinstance(getattr(event, "message", None), Register):
            return [Send("alice/cnpu", Refused(0, "register", Fault("LIMIT", "table full", {})), 10)]
        return ()

    bench.launch(alice=alice)
    bench.kernel._by_name["alice/qnpu"].handle = refuse
    ended = bench.run()[0, "alice"]
    assert ended.error is not None and ended.error.message == "table full"
    assert ended.ended_ns == 20


# --- programs -------------------------------------------------------------------------------------


def test_error_of_a_program_ends_it_alone_with_its_own_traceback() -> None:
    def helper() -> int:
        return 1 // 0  # DIVIDES

    async def alice(node: Node) -> None:
        await node.sleep_ns(5)
        helper()  # CALLS

    async def bob(node: Node) -> dict[str, Any]:
        await node.sleep_ns(10**6)
        return {"fine": True}

    bench = Bench()
    ended = run(bench, alice=alice, bob=bob)
    error = ended["alice"].error
    assert isinstance(error, ProgramError) and isinstance(error.__cause__, ZeroDivisionError)
    line = line_of("# DIVIDES")
    assert (
        error.message
        == f"ZeroDivisionError: integer division or modulo by zero (test_failures.py line {line})"
    )
    assert (error.data["file"], error.data["line"]) == ("test_failures.py", line)
    assert f"line {line}, in helper" in ended["alice"].traceback
    assert f"line {line_of('# CALLS')}, in alice" in ended["alice"].traceback
    assert "cnpu" not in ended["alice"].traceback.replace("tests/unit/cnpu", "")
    assert ended["bob"].value == {"fine": True}
    assert bench.qnpus["alice"].times(Stop) == [15]
    assert ended["alice"].ended_ns == 5 and ended["alice"].value == {}


def test_traceback_of_an_error_in_the_sdk_ends_at_the_call() -> None:
    async def alice(node: Node) -> None:
        qubit = Qubit(node)
        await node.flush()
        qubit.rot_X(n=-1)  # REFUSED

    ended = only(alice)
    frames = [line for line in ended.traceback.splitlines() if line.lstrip().startswith("File")]
    assert len(frames) == 1 and f"line {line_of('# REFUSED')}" in frames[0]
    assert ended.error is not None and ended.error.data["line"] == line_of("# REFUSED")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (3, "the program returned an int; a dict or None is needed"),
        ([], "the program returned a list; a dict or None is needed"),
        ({"x": object()}, "the result['x'] has type builtins.object, which cannot travel"),
        ({"x": 1 << 80}, "the result['x'] is an integer of 81 bits"),
        ({"x": "\ud800"}, "the result['x'] is a string with the lone surrogate"),
        ({1.5: 0}, "key of type float"),
    ],
)
def test_result_that_cannot_travel_is_an_error_that_names_the_program(value: Any, says: str) -> None:
    async def alice(node: Node) -> Any:  # RETURNS
        return value

    ended = only(alice)
    line = line_of("# RETURNS")
    assert isinstance(ended.error, ProgramError) and says in ended.error.message
    assert ended.error.message.endswith(f" (test_failures.py line {line})")
    assert (ended.error.data["file"], ended.error.data["line"]) == ("test_failures.py", line)
    lines = ended.traceback.splitlines()
    assert [text for text in lines if "File" in text] == [f'  File "{__file__}", line {line}, in alice']
    assert "StopIteration" not in ended.traceback and "another exception" not in ended.traceback
    assert lines[-1].endswith(ended.error.message)


def test_result_that_raises_when_it_is_read_is_an_error() -> None:
    class Sly:
        def __index__(self) -> int:
            raise SystemExit(7)  # WHEN READ

    async def alice(node: Node) -> Any:
        return {"x": Sly()}

    ended = only(alice)
    assert ended.error is not None and ended.error.message.startswith(
        f"SystemExit: 7 (test_failures.py line {line_of('# WHEN READ')})"
    )
    assert "StopIteration" not in ended.traceback


def test_returned_future_without_a_value_is_an_error() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        first, second = Qubit(node), Qubit(node)
        with first.measure().if_eq(1):
            inside = second.measure()
        return {"m": inside}

    error = only(alice, Bench(outcomes={"alice": [0]})).error
    assert isinstance(error, NoValueError) and "went another way" in error.message


def test_program_that_is_no_coroutine_function_is_an_error() -> None:
    def alice(node: Node) -> dict[str, Any]:
        return {}

    def bob(node: Node) -> Any:
        yield 1

    ended = run(alice=alice, bob=bob)
    for role in ("alice", "bob"):
        error = ended[role].error
        assert isinstance(error, ProgramError)
        assert (
            error.message == f"the program of role {role} is no coroutine function; write it as `async def`"
        )


def test_wrong_inputs_end_the_program() -> None:
    async def alice(node: Node, theta: float) -> None:
        raise AssertionError("never called")

    bench = Bench()
    bench.launch(session=0, alice=(alice, {"phi": 1}))
    bench.launch(session=1, alice=(alice, {"theta": object()}))
    ended = bench.run()
    assert "TypeError" in ended[0, "alice"].error.message
    assert "input theta has type builtins.object" in ended[1, "alice"].error.message


def test_interrupt_from_the_keyboard_passes_through() -> None:
    async def alice(node: Node) -> None:
        raise KeyboardInterrupt

    bench = Bench()
    bench.launch(alice=alice)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    bench.cnpus["alice"].reset(1)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (SystemExit(), "SystemExit"),
        (asyncio.CancelledError("stop"), "CancelledError: stop"),
        (GeneratorExit("odd"), "GeneratorExit: odd"),
    ],
)
@pytest.mark.parametrize("inside", ["program", "gather"])
def test_exception_of_any_kind_ends_its_program_alone(error: BaseException, says: str, inside: str) -> None:
    async def leaves(node: Node) -> None:
        await node.sleep_ns(5)
        raise error  # LEAVES

    async def both(node: Node) -> None:
        await node.gather(leaves(node), node.sleep_ns(100))

    async def peer(node: Node) -> None:
        await node.socket("alice").recv()

    async def other(node: Node) -> dict[str, Any]:
        await node.sleep_ns(1000)
        return {"fine": True}

    bench = Bench()
    bench.launch(session=0, alice=leaves if inside == "program" else both, bob=peer)
    bench.launch(session=1, alice=other)
    ended = bench.run()
    line = line_of("# LEAVES")
    failed = ended[0, "alice"].error
    assert isinstance(failed, ProgramError)
    assert failed.message.startswith(f"{says} (test_failures.py line {line})")
    assert f"line {line}, in leaves" in ended[0, "alice"].traceback
    assert isinstance(ended[0, "bob"].error, PeerFailed) and says in ended[0, "bob"].error.message
    assert ended[1, "alice"].value == {"fine": True}
    assert sorted(bench.qnpus["alice"].times(Stop)) == [15, 1010]


def test_exit_while_the_program_is_called_ends_it_alone() -> None:
    def alice(node: Node) -> Any:
        sys.exit("no more")  # AT ONCE

    error = only(alice).error
    assert error is not None and error.message == (
        f"SystemExit: no more (test_failures.py line {line_of('# AT ONCE')}); a program ends by returning"
    )


def test_exit_in_the_clean_up_of_a_cancelled_task_is_raised_by_the_join() -> None:
    async def messy(node: Node) -> None:
        try:
            await node.sleep_ns(100)
        finally:
            sys.exit(4)

    async def alice(node: Node) -> dict[str, Any]:
        try:
            await node.first_of(messy(node), node.sleep_ns(5))
        except SystemExit as error:
            return {"code": error.code, "t": node.now_ns}
        return {}

    assert only(alice).value == {"code": 4, "t": 5}


def test_error_whose_text_cannot_be_made_is_an_error_like_others() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    async def alice(node: Node) -> None:
        raise Mute  # MUTE

    error = only(alice).error
    assert error is not None and error.message == (
        f"Mute (its text cannot be made) (test_failures.py line {line_of('# MUTE')})"
    )


@pytest.mark.parametrize("where", ["program", "gather", "clean-up", "result"])
def test_interrupt_from_the_keyboard_passes_through_everywhere(where: str) -> None:
    class Interrupts:
        def __index__(self) -> int:
            raise KeyboardInterrupt

    async def interrupted(node: Node) -> Any:
        if where == "result":
            return {"x": Interrupts()}
        try:
            await node.sleep_ns(100 if where == "clean-up" else 1)
        finally:
            raise KeyboardInterrupt

    async def alice(node: Node) -> Any:
        if where in ("program", "result"):
            return await interrupted(node)
        await node.first_of(interrupted(node), node.sleep_ns(5))
        return None

    bench = Bench()
    bench.launch(alice=alice)
    with pytest.raises(KeyboardInterrupt):
        bench.run()


def test_placement_on_an_unknown_node_is_a_config_error() -> None:
    async def alice(node: Node) -> None:
        raise AssertionError("never called")

    bench = Bench()
    bench.launch(alice=alice)
    bench.cnpus["alice"].launches[0].placement["bob"] = "delft"
    ended = bench.run()[0, "alice"]
    assert ended.error is not None and ended.error.code == "CONFIG"
    assert "role bob is placed on node 'delft'; nodes are alice, bob, charlie" in ended.error.message


def test_unlinked_peer_has_no_epr_socket() -> None:
    async def alice(node: Node) -> None:
        node.epr("bob")

    async def bob(node: Node) -> None:
        node.epr("alice")

    ended = run(Bench(linked=False), alice=alice, bob=bob)
    assert ended["alice"].error.message == "no entanglement link from alice to bob, where bob runs"
    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=alice, bob=bob)
    assert "entanglement is between nodes" in bench.run()[0, "bob"].error.message


# --- deadlock -------------------------------------------------------------------------------------


def test_programs_that_wait_for_each_other_get_a_deadlock_with_the_reasons() -> None:
    async def alice(node: Node) -> None:
        await node.socket("bob").recv()

    async def bob(node: Node) -> dict[str, Any]:
        await node.sleep_ns(3)
        try:
            await node.socket("alice").recv()
        except Deadlock as error:
            node.socket("alice").send("go on")
            return {"report": error.message}
        return {}

    ended = run(alice=alice, bob=bob)
    assert ended["alice"].error is None  # the youngest is told first, and here it helps the other
    assert ended["bob"].value == {
        "report": "alice/cnpu program 0 waits for a message from bob (alice, session 0); "
        "bob/cnpu program 0 waits for a message from alice (bob, session 0)"
    }


def test_deadlock_is_raised_in_each_program_that_nobody_helps() -> None:
    async def waits(node: Node) -> None:
        await node.socket(node.peers[0]).recv()

    ended = run(alice=waits, bob=waits)
    errors = sorted(type(end.error).__name__ for end in ended.values())
    assert errors == ["Deadlock", "PeerFailed"]
    assert isinstance(ended["alice"].error, (Deadlock, PeerFailed))


def test_subroutine_without_an_answer_is_a_deadlock_that_names_it() -> None:
    async def alice(node: Node) -> None:
        Qubit(node)
        await node.gather(node.flush(), node.socket("bob").recv())

    bench = Bench()
    bench.qnpus["alice"].silent.add(0)

    async def bob(node: Node) -> None:
        """Says nothing."""

    ended = run(bench, alice=alice, bob=bob)
    error = ended["alice"].error
    assert isinstance(error, Deadlock)
    assert error.message == (
        "alice/cnpu program 0 waits for subroutine 0 and a message from bob (alice, session 0)"
    )


def test_waits_tell_programs_apart() -> None:
    async def receives(node: Node) -> None:
        await node.socket("bob").recv()

    async def sleeps(node: Node) -> None:
        await node.sleep_ns(10**9)

    bench = Bench()
    bench.launch(session=3, start_ns=4, place={"left": "alice"}, left=receives, bob=sleeps)
    bench.kernel.reset(0)
    bench.kernel.run(until_ns=100)
    waits = bench.kernel.waits()
    assert [(w.actor, w.pid, w.started_ns, w.kind, w.what) for w in waits] == [
        ("alice/cnpu", 0, 4, "message", "a message from bob (left, session 3)"),
        ("bob/cnpu", 0, 4, "timer", "1000000004 ns (bob, session 3)"),
    ]


def test_errors_are_all_of_one_family() -> None:
    assert issubclass(NoValueError, ProgramError) and issubclass(ProgramError, QnosError)

"""What goes wrong in a program, or in what it is run on, is told as what it is and where it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from qnos.compat.networks import CLinkConfig, LinkConfig, StackConfig, StackNetworkConfig
from qnos.compat.program import Program, ProgramMeta
from qnos.compat.stack import run
from qruntime.errors import ConfigError, Deadlock, EprError, ProgramError, SubroutineError

Body = Callable[[Any], Any]


def nodes(*names: str, links: bool = True, clinks: list[tuple[str, str]] | None = None) -> StackNetworkConfig:
    pairs = list(pairwise(names)) if links else []
    return StackNetworkConfig(
        stacks=[StackConfig.perfect_generic_config(name) for name in names],
        links=[LinkConfig.perfect_config(a, b) for a, b in pairs],
        clinks=None if clinks is None else [CLinkConfig.perfect_config(a, b) for a, b in clinks],
    )


class Of(Program):
    def __init__(self, body: Body, csockets: list[str], epr_sockets: list[str]) -> None:
        self.body, self.csockets, self.epr_sockets = body, csockets, epr_sockets

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta("of", self.csockets, self.epr_sockets, 2)

    def run(self, context: Any) -> Any:
        return self.body(context)


def both(a: Body, b: Body) -> dict[str, Program]:
    return {"a": Of(a, ["b"], ["b"]), "b": Of(b, ["a"], ["a"])}


def idle(context: Any) -> Any:
    yield from context.connection.flush()


def waits_for_message(context: Any) -> Any:
    (socket,) = context.csockets.values()
    yield from socket.recv()


def notes(error: BaseException) -> str:
    return " ".join(error.__notes__)


def test_exception_of_a_program_leaves_run_as_it_is_with_node_and_iteration() -> None:
    class Mine(Exception):
        pass

    def fails(context: Any) -> Any:
        yield from context.connection.flush()
        if context.app_id == 2:
            raise Mine("no")

    with pytest.raises(Mine) as caught:
        run(nodes("a", "b"), both(fails, waits_for_message), num_times=5)
    assert re.search(r"iteration 2 .* of a", notes(caught.value))


def test_exception_of_a_program_keeps_what_it_was_raised_from() -> None:
    cause = KeyError("deeper")

    def fails(context: Any) -> Any:
        yield from context.connection.flush()
        raise RuntimeError("no") from cause

    with pytest.raises(RuntimeError) as caught:
        run(nodes("a", "b"), both(fails, idle))
    assert caught.value.__cause__ is cause


def test_program_that_waits_in_vain_is_told_who_waits_for_what() -> None:
    with pytest.raises(Deadlock) as caught:
        run(nodes("a", "b"), both(waits_for_message, waits_for_message))
    assert "a message from a" in str(caught.value) and "a message from b" in str(caught.value)


def test_pair_that_nobody_else_wants_is_told() -> None:
    def wants(context: Any) -> Any:
        context.epr_sockets["b"].create_keep()
        yield from context.connection.flush()

    with pytest.raises((EprError, Deadlock)) as caught:
        run(nodes("a", "b"), both(wants, idle))
    assert "b" in str(caught.value)


def test_clean_up_code_of_a_program_that_is_abandoned_runs() -> None:
    seen = []

    def fails(context: Any) -> Any:
        yield from context.csockets["b"].recv()
        raise ValueError("x")

    def cleans(context: Any) -> Any:
        context.csockets["a"].send("x")
        try:
            yield from context.csockets["a"].recv()
        finally:
            seen.append("clean")

    with pytest.raises(ValueError):
        run(nodes("a", "b"), both(fails, cleans))
    assert seen == ["clean"]


def test_unknown_node_among_programs_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'c'; the nodes are a, b"):
        run(nodes("a", "b"), {"c": Of(idle, [], [])})


def test_sockets_to_no_node_are_refused_as_scripts_know_it() -> None:
    with pytest.raises(ValueError, match="nobody"):
        run(nodes("a", "b"), {"a": Of(idle, ["nobody"], [])})
    with pytest.raises(AssertionError, match="nobody"):
        run(nodes("a", "b"), {"a": Of(idle, [], ["nobody"])})


def test_missing_links_are_told_when_they_are_used() -> None:
    def asks(context: Any) -> Any:
        context.epr_sockets["b"].create_keep()
        yield from context.connection.flush()

    def says(context: Any) -> Any:
        context.csockets["c"].send("x")
        yield from context.connection.flush()

    network = nodes("a", "b", "c", links=False, clinks=[("a", "b")])
    assert run(network, {"a": Of(idle, ["b", "c"], ["b"])}) == [[None], [], []]
    with pytest.raises(SubroutineError, match="no link to b"):
        run(network, {"a": Of(asks, [], ["b"])})
    with pytest.raises(ProgramError, match="no classical link between a and c"):
        run(network, {"a": Of(says, ["b", "c"], [])})


def test_program_that_yields_something_of_its_own_is_told() -> None:
    def foreign(context: Any) -> Any:
        yield 5

    with pytest.raises(ProgramError, match="yields 5"):
        run(nodes("a"), {"a": Of(foreign, [], [])})


def test_program_cannot_run_others() -> None:
    def nested(context: Any) -> Any:
        run(nodes("a"), {})
        yield from ()

    with pytest.raises(ProgramError, match="cannot run others"):
        run(nodes("a"), {"a": Of(nested, [], [])})


def test_subroutine_that_is_refused_names_its_instruction() -> None:
    from netqasm.lang.parsing.text import parse_text_protosubroutine

    def bad(context: Any) -> Any:
        yield from context.connection.commit_protosubroutine(
            parse_text_protosubroutine("# NETQASM 1.0\nset Q0 3\nx Q0")
        )

    with pytest.raises(SubroutineError, match="instruction 1 `x Q0`"):
        run(nodes("a"), {"a": Of(bad, [], [])})


def test_failed_run_leaves_nothing_behind_for_the_next() -> None:
    with pytest.raises(Deadlock):
        run(nodes("a", "b"), both(waits_for_message, idle))
    assert run(nodes("a", "b"), both(idle, idle)) == [[None], [None]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"num_times": -1}, "num_times is -1"),
        ({"config": 5}, "a StackNetworkConfig or a NetworkConfig"),
        ({"config": StackNetworkConfig(stacks=[], links=[])}, "without nodes"),
        ({"config": nodes("a", "a", links=False)}, "name of two nodes"),
        ({"os": "windows"}, "windows"),
    ],
)
def test_wrong_arguments_are_told(wrong: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"config": nodes("a"), "programs": {}, **wrong}
    with pytest.raises(ConfigError, match=said):
        run(**arguments)


def test_names_that_ours_could_not_be_work() -> None:
    network = nodes("node 1", "2nd", "world")
    results = run(network, {"node 1": Of(idle, ["2nd"], ["2nd"]), "world": Of(idle, [], [])})
    assert results == [[None], [], [None]]

"""Futures before and after their subroutine, and as operands of the code that is being built."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnpu import Builder, Future, NoValueError, Qubit
from cnpu.compiled import Compiled
from netqasm_isa import decode
from qruntime.errors import ProgramError
from qruntime.values import normalise
from tests.unit.cnpu.fake import Machine


class Desk:
    """A node that builds and runs at once: `flush` runs what was built on one machine."""

    def __init__(self, outcomes: tuple[int, ...] = ()) -> None:
        self.builder = Builder()
        self.machine = Machine(deque(outcomes))

    def flush(self) -> Compiled:
        compiled = self.builder.finish()
        done = self.machine.run(decode(compiled.code).instructions)
        compiled.settle(done.registers, done.arrays)
        return compiled

    def __getattr__(self, name: str) -> Any:
        return getattr(self.builder, name)


def known(value: int) -> Future:
    """A future that has a value."""
    node = Desk((value,))
    outcome = Qubit(node).measure()
    node.flush()
    return outcome


def test_future_has_no_value_before_its_subroutine_and_says_what_to_do() -> None:
    node = Desk((1,))
    outcome = Qubit(node).measure()
    assert outcome.value is None
    assert repr(outcome) == "<RegisterFuture, no value yet>"
    with pytest.raises(NoValueError, match=r"test_futures.py line \d+ has no value yet: .*await node.flush"):
        int(outcome)
    node.flush()
    assert (outcome.value, int(outcome), repr(outcome)) == (1, 1, "1")


@pytest.mark.parametrize(
    "use",
    [
        int, float, bool, hash, str, format, abs, operator.neg, operator.invert, operator.index, round,
        lambda m: m == 1, lambda m: m != 1, lambda m: m < 1, lambda m: m + 1, lambda m: 1 + m,
        lambda m: m % 2, lambda m: [10, 11][m], lambda m: f"{m:03d}", normalise,
    ],
)  # fmt: skip
def test_every_use_as_a_number_needs_a_value(use: Callable[[Any], object]) -> None:
    with pytest.raises(NoValueError):
        use(Qubit(Desk((1,))).measure())


@pytest.mark.parametrize(
    "calculate",
    [
        operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, divmod,
        operator.pow, operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift,
        operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
    ],
)  # fmt: skip
@pytest.mark.parametrize(("a", "b"), [(1, 3), (3, 1), (2, 2)])
def test_a_known_future_calculates_like_its_int(calculate: Callable[[Any, Any], Any], a: int, b: int) -> None:
    expected = calculate(a, b)
    assert calculate(known(a), b) == expected
    assert calculate(a, known(b)) == expected
    assert calculate(known(a), known(b)) == expected


def test_a_known_future_is_used_like_its_int_elsewhere() -> None:
    outcome = known(1)
    assert ["zero", "one"][outcome] == "one"
    assert f"{outcome:>3} {outcome}" == "  1 1"
    assert {1: "one"}[outcome] == "one"
    assert (-outcome, +outcome, abs(outcome), ~outcome, round(outcome), float(outcome)) == (
        -1,
        1,
        1,
        -2,
        1,
        1.0,
    )
    assert bool(outcome) and not bool(known(0))
    assert normalise({"m": outcome}) == {"m": 1} and type(normalise(outcome)) is int


@pytest.mark.parametrize("outcome", [0, 1])
def test_branch_on_an_outcome_of_the_same_subroutine_runs_its_body_or_not(outcome: int) -> None:
    node = Desk((outcome, 1))
    first, second = Qubit(node), Qubit(node)
    m = first.measure()
    with m.if_eq(1):
        second.X()
    with m.if_ne(1):
        second.Y()
    with m.if_lt(1):
        second.Z()
    with m.if_ge(1):
        second.H()
    with m.if_ez():
        second.S()
    with m.if_nz():
        second.T()
    node.flush()
    ran = [step[0] for step in node.machine.trail[6:]]
    assert ran == (["x", "h", "t"] if outcome else ["y", "z", "s"])


def test_branch_not_taken_leaves_its_future_without_a_value() -> None:
    node = Desk((0, 1))
    first, second = Qubit(node), Qubit(node)
    m = first.measure()
    with m.if_eq(1):
        inside = second.measure()
    node.flush()
    assert int(m) == 0 and inside.value is None
    with pytest.raises(NoValueError, match="went another way"):
        int(inside)


def test_branch_taken_gives_its_future_a_value() -> None:
    node = Desk((1, 1))
    first, second = Qubit(node), Qubit(node)
    with first.measure().if_eq(1):
        inside = second.measure()
    node.flush()
    assert inside == 1


def test_known_outcome_decides_in_a_later_subroutine() -> None:
    node = Desk((1,))
    m, other = Qubit(node).measure(), Qubit(node)
    node.flush()
    with m.if_eq(1):
        other.X()
    with node.if_eq(0, m):
        other.Y()
    node.flush()
    assert [step[0] for step in node.machine.trail[-1:]] == ["x"]


def test_outcome_of_a_sent_and_unfinished_subroutine_cannot_steer_the_next() -> None:
    node = Desk((1,))
    m, other = Qubit(node).measure(), Qubit(node)
    node.builder.finish()
    with pytest.raises(NoValueError, match="not done"), m.if_eq(1):
        other.X()


def test_loop_runs_its_body_and_counts() -> None:
    node = Desk((1, 0, 1, 1))
    outcomes = node.new_array(4)
    with node.loop(4) as i:
        Qubit(node).measure(future=outcomes[i])
    node.flush()
    assert outcomes.values == (1, 0, 1, 1)
    assert [int(entry) for entry in outcomes] == [1, 0, 1, 1]
    assert [step[0] for step in node.machine.trail] == ["qalloc", "init", "meas", "qfree"] * 4


@pytest.mark.parametrize(
    ("stop", "start", "step", "expected"),
    [(3, 0, 1, [0, 1, 2]), (9, 2, 3, [2, 5, 8]), (8, 2, 3, [2, 5]), (0, 0, 1, []), (-1, -3, 1, [-3, -2])],
)
def test_loop_takes_the_values_of_range(stop: int, start: int, step: int, expected: list[int]) -> None:
    node = Desk()
    seen = node.new_array(5, init=99)
    count = node.new_array(1, init=0)
    with node.loop(stop, start, step) as i:
        seen.store(count[0], i)
        count[0].add(1)
    node.flush()
    assert seen.values == (*expected, *[99] * (5 - len(expected)))
    assert list(range(start, stop, step)) == expected


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_loop_bound_may_be_a_future(turns: int) -> None:
    node = Desk()
    bound, count = node.new_array(1, init=turns), node.new_array(1, init=0)
    with node.loop(bound[0]):
        count[0].add(1)
        bound[0].add(5)  # the bound is read once
    node.flush()
    assert count[0] == turns


def test_loops_nest_and_give_their_counters_back() -> None:
    node = Desk()
    table = node.new_array(12, init=0)
    position = node.new_array(1, init=0)
    for _ in range(2):
        with node.loop(3) as i, node.loop(4) as j:
            table.store(position[0], i)
            table[position[0]].add(j)
            position[0].add(1, mod=12)
    node.flush()
    assert table.values == tuple(i + j for i in range(3) for j in range(4))


def test_more_loops_in_one_another_than_counters_are_refused() -> None:
    node = Desk()
    with pytest.raises(ProgramError, match="more than 10 counters"):
        for _ in range(11):
            node.loop(2).__enter__()


def test_loop_counter_has_no_value_here_and_ends_with_its_loop() -> None:
    node = Desk()
    array = node.new_array(3)
    with node.loop(3) as i:
        with pytest.raises(NoValueError, match="on the QNPU only"):
            int(i)
        with pytest.raises(ProgramError, match="cannot be changed"):
            i.add(1)
    with pytest.raises(ProgramError, match="outside of its loop"):
        array.store(i, 1)
    with pytest.raises(NoValueError, match="index is not known here"):
        int(array[i])


def test_add_works_on_outcomes_and_on_entries() -> None:
    node = Desk((1, 1))
    m = Qubit(node).measure()
    array = node.new_array(2, init=[10, -20])
    m.add(5)
    m.add(array[0])
    array[1].add(m, mod=7)
    node.flush()
    assert int(m) == 16
    assert array.values == (10, (-20 + 16) % 7)


def test_array_lives_on_and_shows_what_later_subroutines_change() -> None:
    node = Desk((1,))
    array = node.new_array(2, init=0)
    node.flush()
    assert array.values == (0, 0)
    Qubit(node).measure(future=array[1])
    node.flush()
    assert array.values == (0, 1)
    with array[1].if_eq(1):
        array[0].add(41)
    node.flush()
    assert array.values == (41, 1)
    assert array.get_future_slice(slice(0, 2))[0] == 41 and len(array) == 2


def test_what_is_gone_with_its_subroutine_cannot_be_changed() -> None:
    node = Desk((1,) * 20)
    qubit = Qubit(node)
    outcomes = [qubit.measure(inplace=True) for _ in range(17)]
    node.flush()
    for outcome in (outcomes[0], outcomes[16]):
        assert outcome == 1
        with pytest.raises(ProgramError, match="was sent already"):
            outcome.add(1)
    assert node.builder.constant(5) == 1  # nothing was emitted for the refused calls but marks


def test_future_of_another_program_is_refused() -> None:
    here, there = Desk(), Desk()
    foreign = there.new_array(1)[0]
    with pytest.raises(ProgramError, match="left side of a condition is a future of another program"):
        here.if_eq(foreign, 1).__enter__()
    with pytest.raises(ProgramError, match="array entry of another program"):
        Qubit(here).measure(future=foreign)


CONDITIONS = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "ge": operator.ge,
    "ez": lambda a, _: a == 0, "nz": lambda a, _: a != 0,
}  # fmt: skip
VALUES = st.integers(-3, 3)
STATEMENTS = st.recursive(
    st.tuples(st.just("add"), st.integers(0, 2), VALUES),
    lambda inner: st.one_of(
        st.tuples(
            st.just("if"),
            st.sampled_from(list(CONDITIONS)),
            st.integers(0, 2),
            VALUES,
            st.lists(inner, max_size=3),
        ),
        st.tuples(st.just("loop"), st.integers(0, 3), st.integers(0, 2), st.lists(inner, max_size=3)),
    ),
    max_leaves=12,
)


@given(st.lists(STATEMENTS, max_size=5))
def test_nested_loops_and_branches_do_what_python_would(statements: list[Any]) -> None:
    node = Desk()
    array = node.new_array(3, init=0)
    reference = [0, 0, 0]

    def emit(statement: Any) -> None:
        kind, *rest = statement
        if kind == "add":
            array[rest[0]].add(rest[1])
            return
        if kind == "if":
            name, entry, value, body = rest
            call = getattr(array[entry], f"if_{name}")
            with call() if name in ("ez", "nz") else call(value):
                for inner in body:
                    emit(inner)
            return
        turns, entry, body = rest
        with node.loop(turns) as i:
            array[entry].add(i)
            for inner in body:
                emit(inner)

    def follow(statement: Any) -> None:
        kind, *rest = statement
        if kind == "add":
            reference[rest[0]] += rest[1]
        elif kind == "if":
            name, entry, value, body = rest
            if CONDITIONS[name](reference[entry], value):
                for inner in body:
                    follow(inner)
        else:
            turns, entry, body = rest
            for i in range(turns):
                reference[entry] += i
                for inner in body:
                    follow(inner)

    for statement in statements:
        emit(statement)
        follow(statement)
    node.flush()
    assert array.values == tuple(reference)


def test_entry_may_be_undefined() -> None:
    node = Desk()
    array = node.new_array(2)
    array.store(0, 3)
    node.flush()
    assert array.values == (3, None)
    assert array[1].value is None


def test_filling_a_long_array_with_one_value() -> None:
    node = Desk()
    array = node.new_array(50, init=-7)
    node.flush()
    assert array.values == (-7,) * 50

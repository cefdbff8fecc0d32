"""The order in which a link serves its items: fifo, strict priority, shares by weight."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnpu.linklayer import Item, LinkLayer
from qnpu.linkorder import PRIORITIES, LinkOrder
from qruntime.messages import LinkRequest

REQUEST = LinkRequest(0, 0, 0, 1, 1, 100, 0, 0, False, False, 0, 0, (), (), 0, (0, 0, 0), 0, (0, 0, 0))


def items(order: LinkOrder, *priorities: int) -> list[Item]:
    link = LinkLayer(0, 1, "bob/qnpu", order)
    made = []
    for sequence, priority in enumerate(priorities):
        item = Item(link, msgspec.structs.replace(REQUEST, priority=priority), is_creator=True)
        item.sequence = sequence
        made.append(item)
    return made


def first(order: LinkOrder, queue: list[Item]) -> Item:
    return min(queue, key=order.rank)


def served(order: LinkOrder, queue: list[Item], pairs: int, attempts: int = 1) -> list[int]:
    """Sequences of the items that get the next pairs, all of them being ready throughout."""
    got = []
    for _ in range(pairs):
        item = first(order, queue)
        order.served(item.queue, attempts)
        got.append(item.sequence)
    return got


def test_fifo_has_one_queue_whatever_the_priority() -> None:
    order = LinkOrder("fifo", (1, 2))
    assert order.queues == 1
    assert [item.queue for item in items(order, 0, 7, -3)] == [0, 0, 0]
    assert served(order, items(order, 0, 7, -3), 2) == [0, 0]


def test_strict_priority_has_a_queue_for_every_priority_the_highest_first() -> None:
    order = LinkOrder("strict_priority", ())
    queue = items(order, 0, 1, 15, 99, -5)
    assert [item.queue for item in queue] == [PRIORITIES - 1, PRIORITIES - 2, 0, 0, PRIORITIES - 1]
    assert [item.sequence for item in sorted(queue, key=order.rank)] == [2, 3, 1, 0, 4]


def test_weights_are_those_of_priorities_from_zero_up() -> None:
    order = LinkOrder("weighted_fair", (1, 3))
    low, high, higher = items(order, 0, 1, 2)
    assert (low.queue, high.queue, higher.queue) == (1, 0, 0)
    assert served(order, [low, high], 8) == [1, 0, 1, 1, 1, 0, 1, 1]  # ties go to the lowest queue


def test_queue_of_weight_zero_always_goes_first() -> None:
    order = LinkOrder("weighted_fair", (1, 0, 5))
    queue = items(order, 0, 1, 2)
    assert served(order, queue, 3) == [1, 1, 1]
    assert set(served(order, [queue[0], queue[2]], 12)) == {0, 2}


def test_idle_queue_does_not_save_up_its_share() -> None:
    order = LinkOrder("weighted_fair", (1, 1))
    low, high = items(order, 0, 1)
    served(order, [low], 100)
    assert served(order, [low, high], 6) == [1, 1, 0, 1, 0, 1]  # not 100 in a row


def test_pairs_that_took_more_attempts_cost_more() -> None:
    order = LinkOrder("weighted_fair", (1, 1))
    low, high = items(order, 0, 1)
    order.served(high.queue, 10)
    assert served(order, [low, high], 11) == [0] * 10 + [1]


def test_requests_of_one_queue_are_served_in_their_order() -> None:
    for scheduler in ("fifo", "strict_priority", "weighted_fair"):
        order = LinkOrder(scheduler, (1, 2))
        queue = items(order, 1, 1, 1)
        mixed = [queue[2], queue[0], queue[1]]
        assert sorted(mixed, key=order.rank) == queue


@pytest.mark.parametrize("weights", [(1, 2), (1, 3, 9), (7, 2, 5, 1)])
def test_shares_of_queues_that_always_wait_are_their_weights(weights: tuple[int, ...]) -> None:
    order = LinkOrder("weighted_fair", weights)
    got = served(order, items(order, *range(len(weights))), 100 * sum(weights))
    for sequence, weight in enumerate(weights):
        assert abs(got.count(sequence) - 100 * weight) <= 1


HERALDS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10**6)), max_size=60)


@given(HERALDS, st.lists(st.integers(0, 9), min_size=4, max_size=4), st.lists(st.integers(0, 5), min_size=1))
def test_ends_that_heard_the_same_heralds_prefer_the_same(
    heralds: list[tuple[int, int]], weights: list[int], priorities: list[int]
) -> None:
    here, there = (LinkOrder("weighted_fair", tuple(weights)) for _ in range(2))
    mine, theirs = items(here, *priorities), items(there, *priorities)
    for queue, attempts in heralds:
        here.served(queue, attempts)
        for item in mine:
            here.rank(item)  # looking changes nothing
        there.served(queue, attempts)
    assert [here.rank(item) for item in mine] == [there.rank(item) for item in theirs]


def test_reset_forgets_what_was_served() -> None:
    order = LinkOrder("weighted_fair", (1, 1))
    low, high = items(order, 0, 1)
    served(order, [high], 5)
    order.reset()
    assert served(order, [low, high], 2) == [1, 0]

"""The state tables of processes and of items of a link's queue: complete, strict about illegal moves."""

from __future__ import annotations

import pytest

from qnpu import linklayer, process
from qnpu.linklayer import Item, LinkLayer
from qnpu.process import Process
from qruntime.messages import LinkRequest

REQUEST = LinkRequest(0, 0, 0, 0, 1, 100, 0, 0, False, False, 0, 0, (), (), 0, (0, 0, 0), 0, (0, 0, 0))
PROCESS_STATES = ("idle", "ready", "running", "waiting", "gone")
ITEM_STATES = ("backlog", "adding", "queued", "over")


def test_every_state_can_be_reached_and_left() -> None:
    for moves, states, last, first in (
        (process.MOVES, PROCESS_STATES, "gone", "idle"),
        (linklayer.MOVES, ITEM_STATES, "over", "backlog"),
    ):
        assert {state for state, _ in moves} == set(states) - {last}
        reached = {first}
        for _ in states:
            reached |= {to for (state, _), to in moves.items() if state in reached}
        assert reached == set(states)


def test_every_process_can_be_stopped_and_every_busy_one_aborted() -> None:
    for state in PROCESS_STATES[:-1]:
        assert process.MOVES[state, "stop"] == "gone"
        assert process.MOVES.get((state, "abort")) == (None if state == "idle" else "idle")


@pytest.mark.parametrize("state", PROCESS_STATES)
def test_illegal_move_of_a_process_names_process_state_and_event(state: str) -> None:
    events = sorted({event for _, event in process.MOVES})
    for event in events:
        subject = Process(7, "alice/cnpu", "app", 1, "vanilla", 0, 0)
        subject.state = state
        if (state, event) in process.MOVES:
            subject.move(event)
            assert subject.state == process.MOVES[state, event]
        else:
            with pytest.raises(AssertionError, match=rf"process 7 \(app\) in state {state}: illegal {event}"):
                subject.move(event)
            assert subject.state == state


@pytest.mark.parametrize("state", ITEM_STATES)
def test_illegal_move_of_an_item_names_item_state_and_event(state: str) -> None:
    events = sorted({event for _, event in linklayer.MOVES})
    for event in events:
        item = Item(LinkLayer(0, 1, "bob/qnpu"), REQUEST, is_creator=True)
        item.state = state
        if (state, event) in linklayer.MOVES:
            item.move(event)
            assert item.state == linklayer.MOVES[state, event]
        else:
            with pytest.raises(AssertionError, match=rf"link item -1 in state {state}: illegal {event}"):
                item.move(event)


def test_fresh_process_has_nothing() -> None:
    subject = Process(7, "alice/cnpu", "app", 1, "vanilla", 3, 99)
    assert (subject.state, subject.started_ns, subject.priority) == ("idle", 99, 3)
    assert subject.registers == [None] * 64
    assert not subject.arrays and not subject.virtual and not subject.requests and not subject.queue


# --- the queue of a link ----------------------------------------


def ends() -> tuple[LinkLayer, LinkLayer]:
    return LinkLayer(0, 1, "bob/qnpu"), LinkLayer(1, 0, "alice/qnpu")


def add(link: LinkLayer) -> Item:
    item = Item(link, REQUEST, is_creator=True)
    link.backlog.append(item)
    return item


def agree(creator: LinkLayer, receiver: LinkLayer) -> tuple[Item, Item]:
    """The next item of the creator goes through: ADD, ACK."""
    sending = creator.next_to_add()
    assert sending is not None
    comms, mine = sending
    theirs = Item(receiver, REQUEST, is_creator=False)
    receiver.accept(theirs, mine.sequence)
    assert creator.acknowledged(comms, theirs.sequence) is mine
    return mine, theirs


def test_master_assigns_the_queue_sequence_whoever_creates() -> None:
    master, slave = ends()
    assert master.is_master and not slave.is_master
    for creator in (master, slave, slave, master):
        add(creator)
    for creator, receiver in ((master, slave), (slave, master), (slave, master), (master, slave)):
        mine, theirs = agree(creator, receiver)
        assert mine.sequence == theirs.sequence
        assert (mine.state, theirs.state) == ("queued", "queued")
    assert list(master.items) == list(slave.items) == [0, 1, 2, 3]


def test_crossing_adds_of_both_ends_get_different_sequences() -> None:
    master, slave = ends()
    add(master), add(slave)
    sending, crossing = master.next_to_add(), slave.next_to_add()
    assert sending is not None and crossing is not None
    (from_master, mine), (from_slave, other) = sending, crossing
    at_slave, at_master = (Item(link, REQUEST, is_creator=False) for link in (slave, master))
    slave.accept(at_slave, mine.sequence)
    master.accept(at_master, other.sequence)
    acknowledged = (
        master.acknowledged(from_master, at_slave.sequence),
        slave.acknowledged(from_slave, at_master.sequence),
    )
    assert acknowledged == (mine, other)
    assert [item.sequence for item in (at_slave, at_master)] == [0, 1]
    assert sorted(master.items) == sorted(slave.items) == [0, 1]


def test_window_is_one() -> None:
    master, slave = ends()
    add(master), add(master)
    assert master.next_to_add() is not None
    assert master.next_to_add() is None
    assert slave.next_to_add() is None  # nothing waits there


def test_ack_and_reject_that_belong_to_nothing_are_ignored() -> None:
    master, slave = ends()
    assert master.acknowledged(0, 0) is None
    assert master.rejected(0) is None
    item = add(master)
    assert master.next_to_add() == (0, item)
    assert master.acknowledged(1, 0) is None
    assert master.rejected(1) is None
    assert item.state == "adding"
    assert master.rejected(0) is item
    assert item.state == "over"
    assert not master.items
    assert slave.rejected(0) is None


def test_comms_sequence_wraps_at_a_byte() -> None:
    master, slave = ends()
    seen = []
    for _ in range(300):
        item = add(master)
        seen.append(master._next_comms)
        agree(master, slave)
        for link in (master, slave):
            link.remove(link.items[item.sequence], "finish")
    assert seen == [i % 256 for i in range(300)]
    assert not master.items and not slave.items


def test_reset_gives_an_empty_queue() -> None:
    master, slave = ends()
    add(master)
    agree(master, slave)
    add(master)
    master.reset()
    assert not master.items and not master.backlog and master.outstanding is None
    assert master.new_sequence() == 0

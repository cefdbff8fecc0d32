"""The state tables of processes and of items of a link's queue: complete, strict about illegal moves."""

from __future__ import annotations

import msgspec
import pytest

from qnpu import linklayer, process
from qnpu.linklayer import WINDOW, Item, LinkLayer
from qnpu.process import Process
from qruntime.messages import LinkReject, LinkRequest

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


def add(link: LinkLayer, socket: int = 0) -> Item:
    item = Item(link, msgspec.structs.replace(REQUEST, socket=socket), is_creator=True)
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


def test_window_is_a_quarter_of_the_comms_sequences() -> None:
    master, slave = ends()
    items = [add(master) for _ in range(WINDOW + 1)]
    sent = [master.next_to_add() for _ in range(WINDOW)]
    assert sent == list(enumerate(items[:-1]))
    assert master.next_to_add() is None
    master.acknowledged(1, items[1].sequence)
    assert master.next_to_add() is None  # the window begins with the oldest that is outstanding
    master.acknowledged(0, items[0].sequence)
    assert master.next_to_add() == (WINDOW, items[-1])
    assert slave.next_to_add() is None  # nothing waits there


def test_requests_of_one_socket_wait_for_each_other_where_messages_get_lost() -> None:
    link = LinkLayer(0, 1, "bob/qnpu", is_lossy=True)
    first, second, other = add(link), add(link), add(link, socket=3)
    assert link.next_to_add() == (0, first)
    assert link.next_to_add() == (1, other)
    assert link.next_to_add() is None
    link.acknowledged(0, first.sequence)
    assert link.next_to_add() == (2, second)


def test_slave_cannot_tell_an_item_that_is_over_from_one_whose_place_it_awaits() -> None:
    master, slave = ends()
    assert master.is_over(0) and slave.is_over(0)
    add(slave)
    slave.next_to_add()
    assert not slave.is_over(0)
    slave.acknowledged(0, 0)
    assert slave.is_over(1)


def test_answers_are_kept_as_long_as_their_adds_may_come_again() -> None:
    link = LinkLayer(0, 1, "bob/qnpu", is_lossy=True)
    for comms in range(600):
        number = comms % 256
        link.forget_answers(number)
        assert number not in link.answers, "the answer to an earlier ADD of the same number is still there"
        link.answers[number] = LinkReject(0, number, 0, ""), None
        again = (comms - WINDOW + 1) % 256 if comms >= WINDOW else 0
        link.forget_answers(again)  # the oldest of the window comes again
        assert {(comms - back) % 256 for back in range(min(comms + 1, WINDOW))} <= set(link.answers)
        assert len(link.answers) <= 2 * WINDOW


def test_ack_and_reject_that_belong_to_nothing_are_ignored() -> None:
    master, slave = ends()
    assert master.acknowledged(0, 0) is None
    assert master.refused(0, "reject") is None
    item = add(master)
    assert master.next_to_add() == (0, item)
    assert master.acknowledged(1, 0) is None
    assert master.refused(1, "reject") is None
    assert item.state == "adding"
    assert master.refused(0, "reject") is item
    assert item.state == "over"
    assert not master.items
    assert slave.refused(0, "reject") is None


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
    assert not master.items and not master.backlog and not master.outstanding
    assert master.new_sequence() == 0

"""Work spread over processes, which Ctrl-C stops without losing what is finished.

`each(work, items, jobs, take)` calls `take(index, outcome)` for each item as it is done, in any order.
Processes are spawned: a forked child would inherit whatever threads and sockets the caller has.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from multiprocessing.synchronize import Event
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Cancelled(Exception):
    """An item that Ctrl-C stopped before it was done."""


def each(
    work: Callable[[Item], Outcome],
    items: Sequence[Item],
    jobs: int,
    take: Callable[[int, Outcome | Exception], None],
) -> None:
    """As `run_all`; with one job or one item here, one after the other, and what it raises comes through."""
    if jobs > 1 and len(items) > 1:
        run_all(work, items, jobs, take)
        return
    for index, item in enumerate(items):
        take(index, work(item))


def run_all(
    work: Callable[[Item], Outcome],
    items: Sequence[Item],
    jobs: int,
    take: Callable[[int, Outcome | Exception], None],
) -> None:
    """Do `work` on every item in up to `jobs` processes, and `take` what it returns or raises.

    `work` must be a function of a module, items and outcomes picklable. Ctrl-C stops what is under way,
    takes what was finished, and raises KeyboardInterrupt.
    """
    context = get_context("spawn")
    stopped = context.Event()
    others = active_children()
    with ProcessPoolExecutor(min(jobs, len(items)), context, _listen, (stopped,)) as pool:
        waiting: dict[Future[Outcome], int] = {}
        try:
            with _interrupts_ignored():  # which a starting process inherits, until it listens itself
                for index, item in enumerate(items):
                    waiting[pool.submit(_do, work, item)] = index
            for future in as_completed(list(waiting)):
                if isinstance(future.exception(), Cancelled):  # its process heard of Ctrl-C before this one
                    raise KeyboardInterrupt
                _take(waiting, future, take)
        except KeyboardInterrupt:
            stopped.set()
            for child in active_children():
                if child not in others and child.pid is not None:
                    os.kill(child.pid, signal.SIGINT)  # where the terminal has not done so
            pool.shutdown(cancel_futures=True)
            for future in list(waiting):
                if not future.cancelled() and not isinstance(
                    future.exception(), Cancelled | BrokenProcessPool
                ):
                    _take(waiting, future, take)
            raise
        except Exception:  # `take` has had enough: what has not begun is not done
            pool.shutdown(cancel_futures=True)
            raise


def _take(
    waiting: dict[Future[Outcome], int],
    future: Future[Outcome],
    take: Callable[[int, Outcome | Exception], None],
) -> None:
    """Hand on what came of an item, be it an error of the work or the death of its process."""
    index = waiting.pop(future)
    error = future.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    take(index, error if error is not None else future.result())


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # others cannot, and get no Ctrl-C
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Listener:
    """In a process of the pool: Ctrl-C stops the work under way.

    A process that waits for work must not die of it, and must not begin what lies in its queue.
    """

    def __init__(self, stopped: Event) -> None:
        self.stopped = stopped
        self.working = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.working:
            raise KeyboardInterrupt


_listener: _Listener | None = None


def _listen(stopped: Event) -> None:
    global _listener
    _listener = _Listener(stopped)
    signal.signal(signal.SIGINT, _listener)


def _do(work: Callable[[Item], Outcome], item: Item) -> Outcome:
    assert _listener is not None
    try:
        _listener.working = True
        if _listener.stopped.is_set():  # asked after `working` is set, so that no signal falls between
            raise Cancelled
        return work(item)
    except KeyboardInterrupt:
        raise Cancelled from None
    finally:
        _listener.working = False

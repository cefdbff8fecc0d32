"""The caller's end of a network of processes, with the world played by the test."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import trio
import zmq

from qruntime.client import Client
from qruntime.control import Load, Run, RunDone, ShotDone, encode_control
from qruntime.sockets import Sockets

SHOTS = 1000
TAKING_S = 0.001  # what the caller needs for each


def test_interrupt_is_heard_even_if_trio_is_at_work_and_there_is_always_another_message(
    tmp_path: Path,
) -> None:
    taken = 0

    @trio.lowlevel.enable_ki_protection  # as trio's own code, in which a signal may come just as well
    def interrupted(shot: ShotDone) -> None:
        nonlocal taken
        taken += 1
        time.sleep(TAKING_S)
        if taken == 10:
            signal.raise_signal(signal.SIGINT)

    with Sockets() as world:
        inbox = world.bind(zmq.PULL, f"ipc://{tmp_path}/world")
        client = Client(f"ipc://{tmp_path}/client", inbox.address)
        try:
            answers = world.connect(zmq.PUSH, client.address)
            for shot in range(SHOTS):
                assert answers.send([encode_control(ShotDone(shot, (), ()))])
            assert answers.send([encode_control(RunDone(None, 0, 0))])
            order = Run(client.address, Load("ping", "", 0, 0, (), {}, {}), 0, SHOTS, 1, False)
            with pytest.raises(KeyboardInterrupt):
                client.run(order, interrupted, lambda: None)
        finally:
            client.close()
    assert 10 <= taken < SHOTS

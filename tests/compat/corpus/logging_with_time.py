"""Log lines say the simulated time of the program that logs, on the stream and in a file."""

import logging
import tempfile
from pathlib import Path

import netsquid as ns
from _short import pair, werner
from squidasm.run.stack.run import run
from squidasm.sim.stack.common import LogManager


def alice(context):
    logger = LogManager.get_stack_logger("AliceProgram")
    logger.info("before")
    context.csockets["Bob"].send("x")
    yield from context.csockets["Bob"].recv()
    logger.warning("after %d", 5)


def bob(context):
    message = yield from context.csockets["Alice"].recv()
    context.csockets["Alice"].send(message)


def expect() -> None:
    root = LogManager.get_stack_logger()
    assert root.name == "Stack" and not root.propagate
    before = list(root.handlers)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log.txt"
        path.write_text("old")
        LogManager.log_to_file(str(path))
        LogManager.set_log_level("INFO")
        assert LogManager.get_log_level() == logging.INFO
        try:
            run(werner(1, delay=250), pair(alice, bob))
        finally:
            LogManager.set_log_level(logging.WARNING)
            for handler in [h for h in root.handlers if h not in before]:
                handler.close()
                root.removeHandler(handler)
        assert path.read_text().splitlines() == [
            "INFO:0.0 ns:Stack.AliceProgram:before",
            "WARNING:500.0 ns:Stack.AliceProgram:after 5",
        ]
    assert ns.sim_time() == 500
    ns.sim_reset()
    assert ns.sim_time() == 0


if __name__ == "__main__":
    expect()

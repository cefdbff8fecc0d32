"""The logger of SquidASM programs: `LogManager`, whose lines say the simulated time."""

from __future__ import annotations

import logging
import os
from typing import Final

from qnos.compat.clock import sim_time

_NAME: Final = "Stack"
_FORMAT: Final = "%(levelname)s:%(simtime)s ns:%(name)s:%(message)s"


class _WithTime(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.simtime = sim_time()
        return True


def _with(handler: logging.Handler) -> logging.Handler:
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_WithTime())
    return handler


class LogManager:
    """Loggers named "Stack" and "Stack.something"."""

    @classmethod
    def get_stack_logger(cls, sub_logger: str | None = None) -> logging.Logger:
        """The logger, or one below it."""
        logger = logging.getLogger(_NAME)
        if not logger.handlers:
            logger.propagate = False
            logger.addHandler(_with(logging.StreamHandler()))
        return logger if sub_logger is None else logger.getChild(sub_logger)

    @classmethod
    def set_log_level(cls, level: int | str) -> None:
        """From which level on lines are written, as number or name."""
        cls.get_stack_logger().setLevel(level)

    @classmethod
    def get_log_level(cls) -> int:
        """That level as a number."""
        return cls.get_stack_logger().level

    @classmethod
    def log_to_file(cls, path: str | os.PathLike[str]) -> None:
        """Write lines to a file as well, which is begun anew."""
        cls.get_stack_logger().addHandler(_with(logging.FileHandler(path, mode="w")))

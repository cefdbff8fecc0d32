"""Formalisms of quantum states, which scripts choose: any of them, as ours is exact whatever they say."""

from __future__ import annotations

from enum import Enum
from typing import Any

from qruntime.errors import ConfigError


class QFormalism(Enum):
    """What there is to choose from."""

    KET = 1
    SPARSEDM = 2
    DM = 3
    STAB = 4
    GSLC = 5


def set_qstate_formalism(formalism: Any) -> None:
    """Take a formalism; states are exact density matrices all the same."""
    if not isinstance(formalism, QFormalism):
        raise ConfigError(f"{formalism!r} is no formalism; there are {', '.join(QFormalism.__members__)}")

"""Numbers that entanglement requests and their results are made of.

A request is an array that ``create_epr`` reads (``ArgsIndex``); each pair fills ten entries of the results
array (``KeepIndex`` or ``MeasureIndex``). "Local" is always the creator of the request, who decides the bases
of both ends. Everything is an IntEnum, so an entry of an array can be compared with a member as it is.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class EprType(IntEnum):
    """What is to happen with a pair: entry TYPE of the arguments."""

    K = 0  # create and keep: both halves stay as qubits
    M = 1  # measure directly: both halves are measured
    R = 2  # remote state preparation: the creator's half is measured


class ReplyType(IntEnum):
    """What a result is: entry TYPE of the results."""

    OK_K = 0
    OK_M = 1
    OK_R = 2
    ERR = 3
    CREATE_ID = 4


class RandomBasis(IntEnum):
    """The set from which a measurement basis is drawn for every pair; NONE: the rotations decide."""

    NONE = 0
    XZ = 1
    XYZ = 2
    CHSH = 3  # ZPLUSX and ZMINUSX


class Basis(IntEnum):
    """The basis that was drawn: entry MEASUREMENT_BASIS of the results."""

    Z = 0
    X = 1
    Y = 2
    ZPLUSX = 3  # (Z + X)/sqrt(2)
    ZMINUSX = 4  # (Z - X)/sqrt(2)


class BellState(IntEnum):
    """Bell states in the numbering of results arrays. Other packages number them otherwise."""

    PHI_PLUS = 0  # 00 + 11
    PSI_PLUS = 1  # 01 + 10
    PSI_MINUS = 2  # 01 - 10
    PHI_MINUS = 3  # 00 - 11


class TimeUnit(IntEnum):
    """The unit of entry MAX_TIME."""

    MICRO_SECONDS = 0
    MILLI_SECONDS = 1
    SECONDS = 2


class RotationAxes(IntEnum):
    """The axes of the three rotations before a measurement, first one first."""

    XYX = 0
    YZY = 1
    ZXZ = 2


class LinkLayerError(IntEnum):
    """Why the link layer could not serve a request."""

    UNSUPP = 0
    NOTIME = 1
    NORES = 2
    TIMEOUT = 3
    REJECTED = 4
    OTHER = 5
    EXPIRE = 6
    CREATE = 7


class BreakpointAction(IntEnum):
    """First operand of ``breakpoint``."""

    NOP = 0
    DUMP_LOCAL_STATE = 1
    DUMP_GLOBAL_STATE = 2


class BreakpointRole(IntEnum):
    """Second operand of ``breakpoint``, for a dump that both ends take part in."""

    CREATE = 0
    RECEIVE = 1


class ArgsIndex(IntEnum):
    """Entries of the arguments array. Undefined entries mean the default, TYPE and NUMBER have none.

    The rotations are numerators n of n*pi/16. The last two came with release 2.3 of the reference package; in
    an array of 20 entries the axes are XYX.
    """

    TYPE = 0
    NUMBER = 1
    RANDOM_BASIS_LOCAL = 2
    RANDOM_BASIS_REMOTE = 3
    MINIMUM_FIDELITY = 4
    TIME_UNIT = 5
    MAX_TIME = 6
    PRIORITY = 7
    ATOMIC = 8
    CONSECUTIVE = 9
    PROBABILITY_DIST_LOCAL1 = 10
    PROBABILITY_DIST_LOCAL2 = 11
    PROBABILITY_DIST_REMOTE1 = 12
    PROBABILITY_DIST_REMOTE2 = 13
    ROTATION_LOCAL_1 = 14
    ROTATION_LOCAL_2 = 15
    ROTATION_LOCAL_3 = 16
    ROTATION_REMOTE_1 = 17
    ROTATION_REMOTE_2 = 18
    ROTATION_REMOTE_3 = 19
    ROTATION_AXES_LOCAL = 20
    ROTATION_AXES_REMOTE = 21


ARGS_LENGTH: Final = 22
ARGS_LENGTHS: Final = (20, 22)


class KeepIndex(IntEnum):
    """Entries of one pair's results: type K at both ends, type R at the receiver."""

    TYPE = 0
    CREATE_ID = 1
    LOGICAL_QUBIT_ID = 2
    DIRECTIONALITY_FLAG = 3  # 0 at the creator, 1 at the receiver
    SEQUENCE_NUMBER = 4
    PURPOSE_ID = 5
    REMOTE_NODE_ID = 6
    GOODNESS = 7  # time to generate the pair since the request began, microseconds
    GOODNESS_TIME = 8
    BELL_STATE = 9


class MeasureIndex(IntEnum):
    """Entries of one pair's results: type M at both ends, type R at the creator."""

    TYPE = 0
    CREATE_ID = 1
    MEASUREMENT_OUTCOME = 2
    MEASUREMENT_BASIS = 3
    DIRECTIONALITY_FLAG = 4
    SEQUENCE_NUMBER = 5
    PURPOSE_ID = 6
    REMOTE_NODE_ID = 7
    GOODNESS = 8
    BELL_STATE = 9


RESULT_LENGTH: Final = 10

# The three rotations, in sixteenths of pi, that turn a Z measurement into one of a Pauli operator. Outcome 0
# is the eigenvalue +1 of the operator; MX, MY and MZ are the negated operators.
PAULI_ROTATIONS: Final[Mapping[RotationAxes, Mapping[str, tuple[int, int, int]]]] = MappingProxyType(
    {
        RotationAxes.XYX: MappingProxyType(
            {
                "X": (0, 24, 0),
                "Y": (8, 0, 0),
                "Z": (0, 0, 0),
                "MX": (0, 8, 0),
                "MY": (24, 0, 0),
                "MZ": (16, 0, 0),
            }
        ),
        RotationAxes.YZY: MappingProxyType(
            {
                "X": (24, 0, 0),
                "Y": (8, 24, 24),
                "Z": (0, 0, 0),
                "MX": (8, 0, 0),
                "MY": (8, 8, 24),
                "MZ": (16, 0, 0),
            }
        ),
        RotationAxes.ZXZ: MappingProxyType(
            {
                "X": (24, 24, 8),
                "Y": (0, 8, 0),
                "Z": (0, 0, 0),
                "MX": (24, 8, 24),
                "MY": (0, 24, 0),
                "MZ": (0, 16, 0),
            }
        ),
    }
)

# The Paulis that, applied to one half, turn a Bell state into PHI_PLUS.
BELL_CORRECTIONS: Final[Mapping[BellState, tuple[str, ...]]] = MappingProxyType(
    {
        BellState.PHI_PLUS: (),
        BellState.PSI_PLUS: ("X",),
        BellState.PSI_MINUS: ("X", "Z"),
        BellState.PHI_MINUS: ("Z",),
    }
)

# The bases in which, if both halves of a Bell state are measured in the same one, one outcome has to be
# flipped to make the pair of outcomes one of PHI_PLUS.
BELL_FLIPS: Final[Mapping[BellState, tuple[Basis, ...]]] = MappingProxyType(
    {
        BellState.PHI_PLUS: (),
        BellState.PSI_PLUS: (Basis.Y, Basis.Z),
        BellState.PSI_MINUS: (Basis.X, Basis.Z),
        BellState.PHI_MINUS: (Basis.X, Basis.Y),
    }
)

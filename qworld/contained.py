"""Device models are other people's code: what one raises, or answers beside the point, is an answer to those
whom it concerns and not the end of the world.

`done_by` does an operation, `asked` asks for anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from qruntime.errors import DriverError
from qruntime.qdevice import DeviceOp, EntangleItem, Response
from qruntime.rng import Stream
from qworld.device import Device

_ANSWERS = frozenset(int(r) for r in Response if r <= Response.SUCCESS_ZERO or r == Response.SUCCESS_ONE)
_HARDWARE_FAILURE = int(Response.HARDWARE_FAILURE)
_DETAIL = 500  # characters of what a faulty device model said
Made = TypeVar("Made")


def done_by(device: Device, op: DeviceOp, stream: Stream) -> tuple[int, int, str]:
    """When an operation ended, the response, and what is known of a failure."""
    try:
        end, response = device.operate(op, stream)
        if isinstance(end, int) and end >= op.start_ns and response in _ANSWERS:
            if response == _HARDWARE_FAILURE and op.start_ns < device.busy_ns:
                busy = f"is to begin at {op.start_ns} ns, but the model is busy until {device.busy_ns} ns"
                return end, response, f"{op.gate} {busy} (rule timing)"
            return end, response, ""
        said = f"let {op.gate} begin at {op.start_ns} ns, end at {end!r} and answered {response!r}"
    except Exception as error:
        said = f"raised {type(error).__name__}: {error}"
    return op.start_ns, Response.UNKNOWN_FAILURE, f"its model {said}"[:_DETAIL]


def asked(node: str, when: str, call: Callable[..., Made], *given: Any) -> Made:
    """What the device model of a node says or does; `DriverError` that names node and fault if it cannot."""
    try:
        return call(*given)
    except Exception as error:
        what = f"raised {type(error).__name__} {when}: {error}"[:_DETAIL]
        raise DriverError(f"the device model of {node} {what}") from error


def measured_at_once(
    node: str, device: Device, place: int, item: EntangleItem, now_ns: int, stream: Stream
) -> tuple[int, int]:
    """Measure the new half of a pair as its item says: when that ends, and the bit.

    Raises `DriverError` if the device model does not.
    """

    def measure() -> tuple[int, int]:
        end_ns, bit = device.measure_pair_half(place, item.axes, item.rotations, now_ns, stream)
        if not isinstance(end_ns, int) or end_ns < now_ns or bit not in (0, 1):
            raise ValueError(f"it gave {bit!r} at {end_ns!r} ns, begun at {now_ns} ns")
        return end_ns, bit

    return asked(node, "as it measured half of a pair", measure)

"""Says what time it is, every two seconds of simulated time."""

from time import sleep

from netqasm.sdk.external import Socket


def main():
    socket = Socket("clock", "guest")
    for hour in range(3):
        socket.send(f"{hour} o'clock")
        sleep(2)

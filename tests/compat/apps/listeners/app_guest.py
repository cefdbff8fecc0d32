"""Hears the time by callbacks, while it sleeps and until the clock is gone."""

import time

from netqasm.sdk.external import Socket


class Ear(Socket):
    """Keeps what it hears."""

    heard = None

    def recv_callback(self, msg):
        self.heard = [*(self.heard or []), msg]

    def conn_lost_callback(self):
        self.recv_callback("lost")


def main():
    ear = Ear("guest", "clock", use_callbacks=True)
    time.sleep(3)
    early = list(ear.heard)
    ear.wait()
    return {"early": early, "late": ear.heard}

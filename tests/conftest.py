"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell that starts the tests in the background of a script has them and their children ignore SIGINT.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

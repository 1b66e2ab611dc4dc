"""What all tests share: reproducible examples, no display, no cache of the user's."""

from __future__ import annotations

import os
import signal
import threading

import hypothesis

os.environ.setdefault("MPLBACKEND", "Agg")

# A shell's background job ignores Ctrl-C, and so would the programs that tests start and interrupt.
if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests look for the same examples every time and are not timed one by one: machines differ.
hypothesis.settings.register_profile("bibun", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("bibun")

"""What all tests share: reproducible examples, no display, no cache of the user's."""

from __future__ import annotations

import os

import hypothesis

os.environ.setdefault("MPLBACKEND", "Agg")

# Tests look for the same examples every time and are not timed one by one: machines differ.
hypothesis.settings.register_profile("bibun", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("bibun")

"""The native entry is made before these tests: they want it at functions' second calls."""

from __future__ import annotations

import pytest

from bibun.runtime.entry import entry_maker


@pytest.fixture(scope="session", autouse=True)
def entry_at_hand():
    entry_maker()

"""PyTorch, where it is installed, as the other opinion."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch")

"""The examples in the docstrings of `bibun.variable`."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import bibun.variable

NAMES = ["bibun.variable"] + [
    m.name for m in pkgutil.walk_packages(bibun.variable.__path__, "bibun.variable.")
]


@pytest.mark.parametrize("name", NAMES)
def test_doctests(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0

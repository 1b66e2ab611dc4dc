"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import bibun

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(bibun.__path__, "bibun.")
    if not m.name.startswith(("bibun.numpy.", "bibun.lax."))  # tests/numpy has these
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0

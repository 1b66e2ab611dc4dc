"""The examples in the docstrings of `bibun.numpy` and `bibun.lax` run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import bibun.lax
import bibun.numpy

MODULES = [
    f"{package.__name__}.{m.name}"
    for package in (bibun.numpy, bibun.lax)
    for m in pkgutil.iter_modules(package.__path__)
    if not m.name.startswith("_")
] + ["bibun.array"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module)
    assert results.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_an_example(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if callable(thing) and getattr(thing, "__module__", "") == name:
            assert ">>>" in (thing.__doc__ or ""), f"{name}.{public} has no example"

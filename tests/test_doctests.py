"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
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


# Where every public function and class has an example; a new name comes with its own.
COMPLETE = [
    "bibun", "bibun.debug", "bibun.lax", "bibun.numpy.fft", "bibun.numpy.linalg",
    "bibun.prob.handlers", "bibun.random", "bibun.scipy.fft", "bibun.scipy.linalg",
    "bibun.scipy.special", "bibun.scipy.stats", "bibun.testing", "bibun.transforms",
]  # fmt: skip


@pytest.mark.parametrize("name", COMPLETE)
def test_every_public_name_has_an_example(name):
    module = importlib.import_module(name)
    public = {n: getattr(module, n) for n in getattr(module, "__all__", ())} or vars(module)
    own = {
        n: x
        for n, x in public.items()
        if not n.startswith("_")
        and (inspect.isfunction(x) or inspect.isclass(x) and not issubclass(x, Exception))
        and str(x.__module__).startswith("bibun")
    }
    assert own
    assert not [n for n, x in own.items() if ">>>" not in (x.__doc__ or "")]

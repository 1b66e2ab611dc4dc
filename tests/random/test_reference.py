"""bibun.random against JAX 0.10.2: the same key gives the same numbers."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

import bibun
from bibun import numpy as bnp
from bibun import random

REF = json.loads(pathlib.Path(__file__).with_name("reference.json").read_text())

# Draws by inversion agree to rounding; in float32 the inverse functions differ more.
RTOL = {"float64": 2e-13, "complex128": 2e-13, "float32": 3e-5}


def argument(name, value):
    if name == "shape":
        return tuple(value)
    return bnp.array(value) if isinstance(value, list) else value


@pytest.mark.parametrize("case", REF["draws"], ids=lambda c: f"{c['name']}-{c['kwargs']}")
def test_draws(case):
    kwargs = {k: argument(k, v) for k, v in case["kwargs"].items()}
    out = getattr(random, case["name"])(random.key(case["seed"]), **kwargs)
    if case["kwargs"].get("replace", True):  # the indices of top_k are int64 here, int32 there
        assert str(out.dtype) == case["dtype"]
    assert list(out.shape) == case["shape"]
    expected = case["value"]
    if out.dtype.kind == "c":
        expected = np.array(expected[0]) + 1j * np.array(expected[1])
    out = np.asarray(out)
    if out.dtype.kind in "fc":
        np.testing.assert_allclose(out, expected, rtol=RTOL[case["dtype"]], atol=1e-14)
    else:
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("ref", REF["keys"], ids=lambda r: str(r["seed"]))
def test_keys(ref):
    typed, raw = random.key(ref["seed"]), random.PRNGKey(ref["seed"])
    assert random.key_data(typed).tolist() == raw.tolist() == ref["data"]
    assert random.split(raw).tolist() == ref["split"]
    for name, num in (("split", 2), ("split5", 5), ("split23", (2, 3))):
        assert random.key_data(random.split(typed, num)).tolist() == ref[name]
    for n, expected in zip((0, 7, 2**32 - 1), ref["fold"], strict=True):
        assert random.key_data(random.fold_in(typed, n)).tolist() == expected
        assert random.fold_in(raw, n).tolist() == expected


@pytest.mark.parametrize("ref", REF["gradients"], ids=lambda r: f"{r['name']}-{r['a']}")
def test_gamma_is_differentiable(ref):
    draw = getattr(random, ref["name"])
    slope = bibun.grad(lambda a: draw(random.key(1), a))(ref["a"])
    np.testing.assert_allclose(float(slope), ref["grad"], rtol=1e-6)


def test_vmap_of_gamma():
    keys = random.split(random.key(5), 4)
    out = bibun.vmap(lambda k: random.gamma(k, 0.7, (3,)))(keys)
    np.testing.assert_allclose(np.asarray(out), REF["vmap_gamma"], rtol=1e-12)

"""Diagnostics against ArviZ where it is installed, and against processes with known answers."""

from __future__ import annotations

import io

import numpy as np
import pytest

from bibun.prob import diagnostics as dg


def ar1(phi: float, chains: int, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.empty((chains, n))
    x[:, 0] = rng.normal(size=chains)
    for t in range(1, n):
        x[:, t] = phi * x[:, t - 1] + np.sqrt(1 - phi**2) * rng.normal(size=chains)
    return x


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_effective_sample_size_of_an_autoregression(phi) -> None:
    """For AR(1) the sum of autocorrelations is (1 + phi) / (1 - phi)."""
    x = ar1(phi, 4, 20000)
    expected = x.size * (1 - phi) / (1 + phi)
    assert abs(float(dg.effective_sample_size(x)) / expected - 1) < 0.1


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_as_arviz(phi) -> None:
    arviz = pytest.importorskip("arviz")
    x = ar1(phi, 4, 501) + np.arange(4)[:, None] * 0.05
    np.testing.assert_allclose(dg.ess_bulk(x), arviz.ess(x, method="bulk"), rtol=0.02)
    np.testing.assert_allclose(dg.ess_tail(x), arviz.ess(x, method="tail"), rtol=0.1)
    np.testing.assert_allclose(dg.rhat(x), arviz.rhat(x), rtol=1e-3)


def test_rhat_sees_chains_apart_drifts_and_scales() -> None:
    rng = np.random.default_rng(0)
    good = rng.normal(size=(4, 500))
    assert dg.rhat(good) < 1.01
    assert dg.rhat(good + np.array([0, 0, 0, 2.0])[:, None]) > 1.1
    assert dg.rhat(good + np.linspace(0, 3, 500)) > 1.1
    assert dg.rhat(good * np.array([1, 1, 1, 4.0])[:, None]) > 1.05


def test_constant_draws_are_nan_not_a_crash() -> None:
    x = np.ones((2, 100))
    assert np.isnan(dg.effective_sample_size(x))
    assert np.isnan(dg.gelman_rubin(x))


def test_hpdi_of_a_skewed_distribution() -> None:
    x = np.random.default_rng(0).exponential(size=200_000)
    low, high = dg.hpdi(x, 0.9)
    assert low < 0.01 and abs(high - np.log(10)) < 0.05
    both = dg.hpdi(np.stack([x, -x], axis=1), 0.9)
    np.testing.assert_allclose(both[:, 1], [-high, -low], atol=0.02)
    with pytest.raises(ValueError, match="prob"):
        dg.hpdi(x, 1.5)


def test_autocorrelation() -> None:
    x = ar1(0.8, 1, 100_000)[0]
    np.testing.assert_allclose(dg.autocorrelation(x)[:4], 0.8 ** np.arange(4), atol=0.03)


def test_summary_rows_and_table() -> None:
    x = np.random.default_rng(0).normal(size=(2, 400, 2)) + [0.0, 5.0]
    columns, rows = dg.summary_rows({"b": x})
    assert [label for label, _ in rows] == ["b[0]", "b[1]"]
    assert abs(rows[1][1][columns.index("mean")] - 5) < 0.2
    out = io.StringIO()
    dg.print_summary({"b": x}, file=out)
    assert "b[1]" in out.getvalue() and "r_hat" in out.getvalue()


def test_one_axis_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(chains, draws"):
        dg.rhat(np.zeros(10))

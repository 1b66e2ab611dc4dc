"""How far draws can be trusted: R-hat, effective sample size, intervals, the summary table.

All functions take draws as (chains, draws, ...) unless told otherwise, and plain NumPy
arrays; they run after sampling and need no derivative.

Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, "Rank-normalization, folding, and
localization: an improved R-hat" (split R-hat on rank-normalised and folded draws; bulk and
tail effective sample size); Geyer 1992 for the truncation of the autocorrelation sum.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import numpy as np

from bibun.prob.model_comparison import ELPD, loo, psis, waic


def _chains(x: Any) -> np.ndarray:
    """Draws as float (chains, draws, ...). Errors: ValueError for fewer than two axes."""
    x = np.asarray(x, dtype=float)
    if x.ndim < 2:
        raise ValueError(f"draws must have axes (chains, draws, ...), got shape {x.shape}")
    return x


def _split(x: np.ndarray) -> np.ndarray:
    """Each chain cut in two halves, which become chains."""
    n = x.shape[1] // 2
    return np.concatenate([x[:, :n], x[:, x.shape[1] - n :]], axis=0)


def _rank_normalize(x: np.ndarray) -> np.ndarray:
    """Draws replaced by normal scores of their ranks over all chains (Blom's offset)."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(x.reshape(-1, *x.shape[2:]), axis=0)
    return ndtri((ranks - 0.375) / (x.shape[0] * x.shape[1] + 0.25)).reshape(x.shape)


def gelman_rubin(x: Any) -> np.ndarray:
    """The classical R-hat of (chains, draws, ...): sqrt of total over within variance.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> bool(abs(gelman_rubin(rng.normal(size=(4, 500))) - 1) < 0.02)
    True
    """
    x = _chains(x)
    n = x.shape[1]
    within = x.var(axis=1, ddof=1).mean(axis=0)
    between = x.mean(axis=1).var(axis=0, ddof=1) if x.shape[0] > 1 else np.zeros(x.shape[2:])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((n - 1) / n + between / within)


def split_gelman_rubin(x: Any) -> np.ndarray:
    """Split R-hat: every chain is halved first, so that a drift shows in one chain too.

    >>> import numpy as np
    >>> drift = np.linspace(0, 3, 400) + np.random.default_rng(0).normal(size=(1, 400))
    >>> bool(split_gelman_rubin(drift) > 1.2)
    True
    """
    return gelman_rubin(_split(_chains(x)))


def rhat(x: Any) -> np.ndarray:
    """Rank-normalised split R-hat: the larger of the bulk's and the tails' (folded draws).

    >>> import numpy as np
    >>> draws = np.random.default_rng(0).normal(size=(2, 1000))
    >>> bool(rhat(draws) < 1.01)
    True
    """
    x = _split(_chains(x))
    folded = np.abs(x - np.median(x, axis=(0, 1)))
    return np.maximum(gelman_rubin(_rank_normalize(x)), gelman_rubin(_rank_normalize(folded)))


def autocovariance(x: Any, axis: int = 0, bias: bool = True) -> np.ndarray:
    """Autocovariance at all lags, by FFT.

    `bias`: divide the sum at each lag by n, which is steadier at great lags; else by the number of
    its terms, n - lag.

    >>> import numpy as np
    >>> autocovariance(np.array([1.0, -1.0, 1.0, -1.0])).round(4).tolist()
    [1.0, -0.75, 0.5, -0.25]
    """
    x = np.moveaxis(np.asarray(x, dtype=float), axis, -1)
    n = x.shape[-1]
    centred = x - x.mean(axis=-1, keepdims=True)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    out = np.fft.irfft(spectrum * np.conj(spectrum), size)[..., :n]
    out = out / (n if bias else n - np.arange(n))
    return np.moveaxis(out, -1, axis)


def autocorrelation(x: Any, axis: int = 0, bias: bool = True) -> np.ndarray:
    """Autocorrelation at all lags; `bias` as for `autocovariance`.

    >>> import numpy as np
    >>> float(autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]))[0])
    1.0
    """
    cov = autocovariance(x, axis, bias)
    with np.errstate(divide="ignore", invalid="ignore"):
        return cov / np.take(cov, [0], axis=axis)


def effective_sample_size(x: Any, bias: bool = True) -> np.ndarray:
    """Effective sample size of the mean of (chains, draws, ...).

    Geyer's initial monotone sequence on the chains' common autocorrelation; no split. `bias` as
    for `autocovariance`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool(1500 < effective_sample_size(x) < 2500)  # independent draws count in full
    True
    """
    x = _chains(x)
    m, n = x.shape[:2]
    if n < 4:
        return np.full(x.shape[2:], np.nan)
    cov = autocovariance(x, 1, bias)
    within = cov[:, 0].mean(axis=0) * n / (n - 1)
    total = within * (n - 1) / n
    if m > 1:
        total = total + x.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1.0 - (within - cov.mean(axis=0) * n / (n - 1)) / total
    rho[0] = 1.0
    pairs = rho[0 : n - n % 2 : 2] + rho[1 : n : 2]
    flat = pairs.reshape(len(pairs), -1)
    sums = np.empty(flat.shape[1])
    for k in range(flat.shape[1]):
        p = flat[:, k]
        stop = np.argmax(p < 0) if np.any(p < 0) else len(p)
        sums[k] = np.minimum.accumulate(p[:stop]).sum()
    tau = np.maximum(-1.0 + 2.0 * sums, 1.0 / np.log10(max(m * n, 10)))
    out = (m * n / tau).reshape(x.shape[2:])
    return np.where(np.isfinite(total) & (total > 0), out, np.nan)


def ess_bulk(x: Any) -> np.ndarray:
    """Effective sample size of the bulk: split chains, rank-normalised draws.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool(1500 < ess_bulk(x) < 2500)
    True
    """
    return effective_sample_size(_rank_normalize(_split(_chains(x))))


def ess_tail(x: Any, prob: float = 0.9) -> np.ndarray:
    """Effective sample size of the tails: the smaller one of the two outer quantiles.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool(1000 < ess_tail(x) < 2500)
    True
    """
    x = _split(_chains(x))
    sizes = []
    for q in ((1 - prob) / 2, (1 + prob) / 2):
        sizes.append(effective_sample_size(x <= np.quantile(x, q, axis=(0, 1))))
    return np.minimum(*sizes)


def mcse_mean(x: Any) -> np.ndarray:
    """Monte Carlo standard error of the mean.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> abs(float(mcse_mean(x)) * 2000**0.5 - 1.0) < 0.1
    True
    """
    x = _chains(x)
    return x.std(axis=(0, 1), ddof=1) / np.sqrt(effective_sample_size(_split(x)))


def hpdi(x: Any, prob: float = 0.9, axis: int = 0) -> np.ndarray:
    """Highest posterior density interval: the narrowest one with mass `prob`.

    Returns lower and upper bounds stacked along a new first axis in place of `axis`.

    >>> import numpy as np
    >>> low, high = hpdi(np.random.default_rng(0).normal(size=20000), 0.9)
    >>> bool(abs(low + 1.645) < 0.1 and abs(high - 1.645) < 0.1)
    True
    """
    if not 0.0 < prob < 1.0:
        raise ValueError(f"prob must be in (0, 1), got {prob}")
    x = np.sort(np.moveaxis(np.asarray(x), axis, 0), axis=0)
    n = x.shape[0]
    width = max(int(prob * n), 1)
    if width >= n:
        return np.stack([x[0], x[-1]])
    start = np.argmin(x[width:] - x[: n - width], axis=0)
    low = np.take_along_axis(x, start[None, ...], axis=0)[0]
    high = np.take_along_axis(x, start[None, ...] + width, axis=0)[0]
    return np.stack([low, high])


def quantile_interval(x: Any, prob: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """The central interval with mass `prob` of (chains, draws, ...).

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> low, high = quantile_interval(x)
    >>> bool(abs(low + 1.645) < 0.1), bool(abs(high - 1.645) < 0.1)
    (True, True)
    """
    x = _chains(x)
    low, high = np.quantile(x, [(1 - prob) / 2, (1 + prob) / 2], axis=(0, 1))
    return low, high


def e_bfmi(energy: Any) -> np.ndarray:
    """Energy Bayesian fraction of missing information of each chain; below 0.3 is bad.

    Source: Betancourt 2016, "Diagnosing suboptimal cotangent disintegrations in HMC".

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool((e_bfmi(x) > 1.5).all())  # energies that are independent: far from slow
    True
    """
    energy = _chains(energy)
    return np.square(np.diff(energy, axis=1)).mean(axis=1) / energy.var(axis=1)


def locate_divergences(mcmc: Any) -> list[tuple[str, float, float, float]]:
    """Where the divergent draws of a finished run are: the parameters that set them apart.

    For each element of each site: (name, Kolmogorov-Smirnov distance between divergent and other
    draws, median of the divergent, median of the others), the largest distance first; empty
    where nothing diverged. A funnel shows as its neck's parameter at one end of its range.
    """
    diverging = np.asarray(mcmc.get_extra_fields()["diverging"])
    if not diverging.any() or diverging.all():
        return []
    from scipy.stats import ks_2samp

    rows = []
    for name, value in mcmc.get_samples().items():
        x = np.asarray(value, dtype=float)
        for idx in np.ndindex(*x.shape[1:]):
            bad, good = x[(diverging, *idx)], x[(~diverging, *idx)]
            label = name + (f"[{','.join(map(str, idx))}]" if idx else "")
            distance = float(ks_2samp(bad, good)[0])  # type: ignore[index]
            rows.append((label, distance, float(np.median(bad)), float(np.median(good))))
    return sorted(rows, key=lambda row: -row[1])


def summary(
    samples: Mapping[str, Any] | Any, prob: float = 0.9, group_by_chain: bool = True
) -> dict[str, dict[str, Any]]:
    """Statistics of each site: mean, std, median, interval, n_eff, ess_bulk, ess_tail, r_hat.

    `samples`: site -> (chains, draws, ...), or (draws, ...) with `group_by_chain=False`.
    What fewer than four draws cannot tell is nan.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(4, 500))
    >>> sorted(summary({"x": x})["x"])
    ['5.0%', '95.0%', 'ess_bulk', 'ess_tail', 'mean', 'median', 'n_eff', 'r_hat', 'std']
    """
    if not isinstance(samples, Mapping):
        samples = {"Param:0": samples}
    low_name, high_name = f"{50 * (1 - prob):.1f}%", f"{50 * (1 + prob):.1f}%"
    table = {}
    for name, value in samples.items():
        x = np.asarray(value)
        x = _chains(x if group_by_chain else x[None])
        interval = hpdi(x.reshape(-1, *x.shape[2:]), prob)
        unknown = np.full(x.shape[2:], np.nan)
        enough = x.shape[1] >= 4  # draws of each half of a chain have a variance
        table[name] = {
            "mean": x.mean(axis=(0, 1)),
            "std": x.std(axis=(0, 1), ddof=1) if x.shape[0] * x.shape[1] > 1 else unknown,
            "median": np.median(x, axis=(0, 1)),
            low_name: interval[0],
            high_name: interval[1],
            "n_eff": effective_sample_size(_split(x)) if enough else unknown,
            "ess_bulk": ess_bulk(x) if enough else unknown,
            "ess_tail": ess_tail(x) if enough else unknown,
            "r_hat": rhat(x) if enough else unknown,
        }
    return table


def summary_rows(
    samples: Mapping[str, Any], prob: float = 0.9, group_by_chain: bool = True
) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """The table as columns and rows, one row for each element: ("b[0,1]", values)."""
    table = summary(samples, prob, group_by_chain)
    columns = list(next(iter(table.values()))) if table else []
    rows = []
    for name, stats in table.items():
        shape = np.shape(stats["mean"])
        for idx in np.ndindex(*shape):
            label = name + (f"[{','.join(map(str, idx))}]" if idx else "")
            rows.append((label, [float(np.asarray(stats[c])[idx]) for c in columns]))
    return columns, rows


_FORMATS: dict[str, Callable[[float], str]] = {
    "n_eff": lambda v: f"{v:.2f}",
    "ess_bulk": lambda v: f"{v:.0f}",
    "ess_tail": lambda v: f"{v:.0f}",
    "r_hat": lambda v: f"{v:.2f}",
}


def format_number(v: float) -> str:
    """Two decimals where that says enough, four significant digits elsewhere.

    >>> format_number(12.345), format_number(0.00012345)
    ('12.35', '1.234e-04')
    """
    if v == 0 or 0.01 <= abs(v) < 1e5:
        return f"{v:.2f}"
    return f"{v:.3e}"


def print_summary(
    samples: Mapping[str, Any], prob: float = 0.9, group_by_chain: bool = True,
    file: TextIO | None = None,
) -> None:  # fmt: skip
    """Print the summary table.

    >>> import numpy as np
    >>> print_summary({"x": np.random.default_rng(0).normal(size=(2, 500))})
    <BLANKLINE>
        mean   std  median   5.0%  95.0%   n_eff  r_hat
    x  -0.05  0.98   -0.07  -1.58   1.46  995.84   1.00
    <BLANKLINE>
    """
    columns, rows = summary_rows(samples, prob, group_by_chain)
    columns_shown = [c for c in columns if c not in ("ess_bulk", "ess_tail")]
    lines = [["", *columns_shown]]
    for label, values in rows:
        cells = dict(zip(columns, values, strict=True))
        lines.append([label, *(_FORMATS.get(c, format_number)(cells[c]) for c in columns_shown)])
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns_shown) + 1)]
    out = file or sys.stdout
    print(file=out)
    for line in lines:
        cells_text = [line[0].rjust(widths[0])]
        cells_text += [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells_text), file=out)
    print(file=out)


__all__ = [
    "ELPD", "autocorrelation", "autocovariance", "e_bfmi", "effective_sample_size", "ess_bulk",
    "ess_tail", "format_number", "gelman_rubin", "hpdi", "locate_divergences", "loo", "mcse_mean",
    "print_summary", "psis", "quantile_interval", "rhat", "split_gelman_rubin", "summary",
    "summary_rows", "waic",
]  # fmt: skip

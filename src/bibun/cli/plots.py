"""The pictures of a fit: traces, pairs, and the data against what the model predicts.

Drawn with matplotlib's figures alone (no pyplot, no display, no state that outlives a call).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bibun.cli.diagnose import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colours that differ for colour-blind eyes too (Okabe & Ito 2008)
CHAINS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442")
INK, ACCENT, ALARM = "#222222", "#0072B2", "#D55E00"
TRACE_ROWS, PAIR_ROWS, DPI = 16, 7, 130
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "font.family": "sans-serif",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.formatter.useoffset": False,
}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _title(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize=11, weight="bold")


def styled(draw: Any) -> Any:
    """Run a drawing function under bibun's style, and nothing else under it."""

    def wrapped(*args: Any, **kwargs: Any) -> None:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            draw(*args, **kwargs)

    return wrapped


def _bare(axes: Axes, *sides: str) -> None:
    for side in sides or ("top", "right"):
        axes.spines[side].set_visible(False)


def _few_ticks(axes: Axes, x: int | None = 5, y: int | None = 4) -> None:
    from matplotlib.ticker import MaxNLocator

    if x is not None:
        axes.xaxis.set_major_locator(MaxNLocator(x, steps=[1, 2, 5, 10]))
    if y is not None:
        axes.yaxis.set_major_locator(MaxNLocator(y, steps=[1, 2, 5, 10]))


def density(draws: np.ndarray, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A smooth density of draws: binned, then a Gaussian kernel of Silverman's width.

    The kernel is reflected at the smallest and the largest draw, so that the density of a
    bounded quantity does not leak over its bound.
    """
    draws = draws[np.isfinite(draws)]
    low, high = (draws.min(), draws.max()) if len(draws) else (0.0, 0.0)
    if not high > low:
        return np.array([low]), np.array([1.0])
    quartiles = np.subtract(*np.percentile(draws, [75, 25]))
    spread = min(draws.std(), quartiles / 1.34) or draws.std()
    x = np.linspace(low, high, points)
    # a kernel narrower than the grid would fall between its points
    width = max(0.9 * spread * len(draws) ** -0.2, x[1] - x[0])
    mass, edges = np.histogram(draws, bins=4 * points)
    centres = 0.5 * (edges[1:] + edges[:-1])
    kernel = sum(
        np.exp(-0.5 * ((x[:, None] - c[None, :]) / width) ** 2)
        for c in (centres, 2 * low - centres, 2 * high - centres)
    )
    return x, kernel @ mass / (len(draws) * width * np.sqrt(2 * np.pi))


@styled
def trace_plot(path: Path, rows: Sequence[Row], diverging: np.ndarray) -> None:
    """Each number's density by chain, and its draws in the order they came."""
    shown = list(rows[:TRACE_ROWS])
    figure = _figure(10.0, 0.7 + 1.25 * len(shown))
    grid = figure.subplots(len(shown), 2, width_ratios=(1, 2.4), squeeze=False)
    chains, draws = shown[0].draws.shape
    for row, (left, right) in zip(shown, grid, strict=True):
        for k in range(chains):
            colour = CHAINS[k % len(CHAINS)]
            x, y = density(row.draws[k])
            left.plot(x, y, color=colour, lw=1.2)
            right.plot(np.arange(1, draws + 1), row.draws[k], color=colour, lw=0.35, alpha=0.75)
        at = np.flatnonzero(diverging.any(axis=0)) + 1
        if len(at):
            low = np.min(row.draws, where=np.isfinite(row.draws), initial=np.inf)
            right.plot(at, np.full(len(at), low), "|", color=ALARM, ms=7, mew=1.0)
        left.set_title(row.label)
        left.set_yticks([])
        left.set_ylim(bottom=0)
        right.set_xlim(1, max(draws, 2))
        _bare(left, "top", "right", "left")
        _bare(right)
        _few_ticks(left, y=None)
        _few_ticks(right, 6, 3)
    for axes in grid[:-1, 1]:
        axes.tick_params(labelbottom=False)
    note = "; ticks at the bottom: divergences" if diverging.any() else ""
    grid[-1, 1].set_xlabel(f"draw{note}")
    more = f" (the first {len(shown)} of {len(rows)} numbers)" if len(rows) > len(shown) else ""
    _title(figure, f"Posterior by chain, and its draws{more}")
    figure.savefig(path, dpi=DPI)


@styled
def pair_plot(path: Path, rows: Sequence[Row], diverging: np.ndarray) -> None:
    """Every two numbers against each other; divergent draws in red."""
    shown = [r for r in rows if r.finite and not r.constant][:PAIR_ROWS] or list(rows[:1])
    n = len(shown)
    figure = _figure(1.55 * n + 0.6, 1.5 * n + 0.6)
    grid = figure.subplots(n, n, squeeze=False)
    bad = diverging.ravel()
    pick = np.random.default_rng(0).permutation(len(bad))[:2000]
    for i, a in enumerate(shown):
        for j, b in enumerate(shown):
            axes = grid[i, j]
            if j > i:
                _correlation(axes, a, b)
                continue
            if i == j:
                _marginal(axes, a)
            else:
                x, y = b.draws.ravel(), a.draws.ravel()
                axes.plot(x[pick], y[pick], ".", color=ACCENT, ms=1.6, alpha=0.35, mew=0)
                axes.plot(x[bad], y[bad], ".", color=ALARM, ms=4, alpha=0.9, mew=0)
                _limits(axes.set_xlim, x)
                _limits(axes.set_ylim, y)
                _few_ticks(axes, 3, 3)
                _bare(axes)
            axes.tick_params(labelbottom=i == n - 1, labelleft=j == 0 and i > 0)
            if i == n - 1:
                axes.set_xlabel(b.label)
            if j == 0 and i > 0:
                axes.set_ylabel(a.label)
    figure.align_labels()
    more = f" (the first {n} of {len(rows)} numbers)" if len(rows) > n else ""
    _title(figure, f"Pairs{more}")
    figure.savefig(path, dpi=DPI)


def _limits(set_limits: Any, x: np.ndarray) -> None:
    x = x[np.isfinite(x)]
    if not len(x):
        return
    low, high = np.quantile(x, [0.001, 0.999])
    pad = 0.05 * (high - low) or 1.0
    set_limits(low - pad, high + pad)


def _marginal(axes: Axes, row: Row) -> None:
    x, y = density(row.draws.ravel())
    inside = (x >= row.low) & (x <= row.high)
    axes.fill_between(x[inside], y[inside], color=ACCENT, alpha=0.25, lw=0)
    axes.plot(x, y, color=ACCENT, lw=1.2)
    _limits(axes.set_xlim, row.draws.ravel())
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.set_title(row.label)
    _few_ticks(axes, 3, None)
    _bare(axes, "top", "right", "left")


def _correlation(axes: Axes, a: Row, b: Row) -> None:
    value = float(np.corrcoef(a.draws.ravel(), b.draws.ravel())[0, 1])
    axes.set_xticks([])
    axes.set_yticks([])
    _bare(axes, "top", "right", "left", "bottom")
    axes.text(
        0.5, 0.5, f"{value:+.2f}".replace("-", "−"), ha="center", va="center",
        transform=axes.transAxes, fontsize=8 + 6 * abs(value), color=str(0.65 * (1 - abs(value))),
    )  # fmt: skip


class Predicted:
    """An observed site with its posterior predictive draws, ready to plot."""

    def __init__(self, name: str, observed: np.ndarray, draws: np.ndarray) -> None:
        self.name = name
        self.observed = observed.reshape(-1).astype(float)
        self.draws = draws.reshape(-1, self.observed.size).astype(float)
        self.bands = np.quantile(self.draws, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)

    @property
    def inside(self) -> int:
        """How many observed values lie inside their 90 % interval."""
        low, high = self.bands[0], self.bands[-1]
        return int(((self.observed >= low) & (self.observed <= high)).sum())

    @property
    def sentence(self) -> str:
        n = self.observed.size
        return (
            f"{self.name}: {self.inside} of {n} observed values lie inside their 90 % predictive "
            f"interval ({0.9 * n:.0f} expected)"
        )


@styled
def predictive_plot(
    path: Path, sites: Sequence[Predicted], x: np.ndarray | None, x_label: str
) -> None:
    """Observed values against the intervals the model predicts for them."""
    shown = sites[:6]
    figure = _figure(10.0, 0.5 + 3.4 * len(shown))
    grid = figure.subplots(len(shown), 2, width_ratios=(3.2, 1), squeeze=False)
    for site, (left, right) in zip(shown, grid, strict=True):
        usable = x is not None and x.size == site.observed.size
        at = x.astype(float) if usable and x is not None else np.arange(site.observed.size)
        _against_data(left, site, at)
        left.set_xlabel(x_label if usable else "observation")
        left.set_ylabel(site.name)
        left.set_title(site.sentence)
        _distribution(right, site)
    _title(figure, "The data and what the model predicts")
    figure.savefig(path, dpi=DPI)


def _against_data(axes: Axes, site: Predicted, x: np.ndarray) -> None:
    order = np.argsort(x, kind="stable")
    low, lower, middle, upper, high = site.bands[:, order]
    x, y = x[order], site.observed[order]
    outside = (y < low) | (y > high)
    if len(x) <= 150:
        axes.vlines(x, low, high, color=ACCENT, alpha=0.3, lw=2.0, label="90 %")
        axes.vlines(x, lower, upper, color=ACCENT, alpha=0.6, lw=3.5, label="50 %")
        axes.plot(x, middle, "_", color=ACCENT, ms=7, mew=1.2)
    else:
        axes.fill_between(x, low, high, color=ACCENT, alpha=0.2, lw=0, label="90 %")
        axes.fill_between(x, lower, upper, color=ACCENT, alpha=0.35, lw=0, label="50 %")
        axes.plot(x, middle, color=ACCENT, lw=0.8)
    size = 4.5 if len(x) <= 150 else 2.0
    axes.plot(x[~outside], y[~outside], "o", color=INK, ms=size, mew=0, label="observed")
    axes.plot(x[outside], y[outside], "o", color=ALARM, ms=size, mew=0, label="observed, outside")
    axes.legend(loc="best", frameon=False, fontsize=8, ncols=4)
    _bare(axes)
    _few_ticks(axes, 8, 6)


def _distribution(axes: Axes, site: Predicted) -> None:
    """The distribution of all observed values among those of predicted data sets."""
    if site.observed.size < 5:
        axes.set_visible(False)
        return
    y = site.observed
    low, high = min(y.min(), np.quantile(site.bands[0], 0.02)), max(
        y.max(), np.quantile(site.bands[-1], 0.98)
    )
    edges = np.linspace(low, high, 13 if y.size < 200 else 31)
    pick = np.linspace(0, len(site.draws) - 1, min(200, len(site.draws))).astype(int)
    counts = np.array([np.histogram(d, edges)[0] for d in site.draws[pick]])
    lower, middle, upper = np.quantile(counts, [0.05, 0.5, 0.95], axis=0)
    axes.stairs(upper, edges, baseline=lower, fill=True, color=ACCENT, alpha=0.25)
    axes.stairs(middle, edges, color=ACCENT, lw=1.2, baseline=None)
    axes.stairs(np.histogram(y, edges)[0], edges, color=INK, lw=1.2, baseline=None)
    axes.set_title("counts, all together")
    axes.set_xlabel(site.name)
    axes.set_ylim(bottom=0)
    _bare(axes)
    _few_ticks(axes, 4, 4)

"""The summary table as it should be read, and whether the draws can be trusted.

Thresholds: R-hat below 1.01 and an effective sample size of 100 a chain (Vehtari, Gelman,
Simpson, Carpenter & Bürkner 2021); E-BFMI above 0.3 (Betancourt 2016).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bibun.prob import diagnostics

RHAT, ESS_PER_CHAIN, BFMI = 1.01, 100, 0.3
TABLE_COLUMNS = ("mean", "sd", "5 %", "95 %", "ESS bulk", "ESS tail", "R-hat")


@dataclass
class Row:
    """The statistics of one number of the model."""

    label: str
    mean: float
    sd: float
    low: float
    high: float
    ess_bulk: float
    ess_tail: float
    rhat: float
    draws: np.ndarray = field(repr=False)  # (chains, draws)

    @property
    def finite(self) -> bool:
        return bool(np.all(np.isfinite(self.draws)))

    @property
    def constant(self) -> bool:
        return bool(np.ptp(self.draws) == 0)

    def cells(self) -> list[str]:
        """What the table shows: values to the second digit of the standard deviation."""
        if self.constant:
            return [f"{self.mean:.4g}", "0", *("" for _ in TABLE_COLUMNS[2:])]
        values = rounded(self.sd, self.mean, self.sd, self.low, self.high)
        sizes = [f"{v:.0f}" if math.isfinite(v) else "?" for v in (self.ess_bulk, self.ess_tail)]
        return [*values, *sizes, f"{self.rhat:.3f}" if math.isfinite(self.rhat) else "?"]


def rounded(sd: float, *values: float) -> list[str]:
    """Values with the digits that a standard deviation leaves meaningful."""
    largest = max(abs(v) for v in values)
    if not (math.isfinite(largest) and sd > 0):
        return [f"{v:.4g}" for v in values]
    decimals = 1 - math.floor(math.log10(sd))
    if decimals > 6 or largest >= 1e7:
        digits = max(2, math.floor(math.log10(largest)) + decimals + 1)
        return [f"{v:.{min(digits, 12) - 1}e}" for v in values]
    texts = [f"{v:.{max(decimals, 0)}f}" for v in values]
    return [t.lstrip("-") if float(t) == 0 else t for t in texts]  # no "-0.0"


def rows_of(samples: Mapping[str, Any]) -> list[Row]:
    """A row for each number; `samples` maps sites to (chains, draws, ...)."""
    rows = []
    for name, value in samples.items():
        x = np.asarray(value, dtype=float)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean, sd = x.mean(axis=(0, 1)), x.std(axis=(0, 1), ddof=1 if x.size > 1 else 0)
            low, high = diagnostics.quantile_interval(x, 0.9)
            if x.shape[1] >= 8:
                sizes = diagnostics.ess_bulk(x), diagnostics.ess_tail(x)
                mixing = diagnostics.rhat(x)
            else:  # too few to tell
                sizes = (np.full(mean.shape, np.nan),) * 2
                mixing = np.full(mean.shape, np.nan)
        for at in np.ndindex(*mean.shape):
            label = name + (f"[{','.join(map(str, at))}]" if at else "")
            stats = (mean, sd, low, high, *sizes, mixing)
            rows.append(Row(label, *(float(np.asarray(s)[at]) for s in stats), draws=x[:, :, *at]))
    return rows


def format_table(rows: list[Row]) -> list[str]:
    """The table's lines."""
    lines = [["", *TABLE_COLUMNS], *([r.label, *r.cells()] for r in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(TABLE_COLUMNS) + 1)]
    out = []
    for label, *cells in lines:
        aligned = (c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))
        out.append("  ".join([label.ljust(widths[0]), *aligned]))
    return out


@dataclass
class Verdict:
    """Whether to trust the draws, and why not."""

    level: str  # "sound", "caution" or "bad"
    findings: list[str]  # what speaks against the result
    facts: list[str]  # what was looked at

    @property
    def headline(self) -> str:
        return {
            "sound": "Nothing speaks against this result.",
            "caution": "Read this result with caution:",
            "bad": "Do not trust this result:",
        }[self.level]


def judge(rows: list[Row], stats: Mapping[str, np.ndarray], max_tree_depth: int) -> Verdict:
    """Look at every number of the model and at every transition of the sampler."""
    findings: list[tuple[str, str]] = []
    rows = [r for r in rows if not r.constant] or rows
    chains, draws = rows[0].draws.shape
    if draws < 50:
        findings.append(("bad", f"Only {draws} draws a chain: nothing can be said from so few."))
    elif chains == 1:
        findings.append(
            ("caution", "One chain cannot show whether others would agree with it: run at least 4.")
        )
    findings += _not_finite(rows)
    findings += _stuck_chains(rows)
    apart = {r.label: groups for r in rows if (groups := _modes(r)) is not None}
    findings += _apart(rows, apart)
    together = [r for r in rows if r.label not in apart]  # of the others there is more to say
    findings += _mixing(together)
    findings += _sizes(together, chains, draws)
    findings += _transitions(stats, max_tree_depth)
    levels = [level for level, _ in findings]
    level = "bad" if "bad" in levels else "caution" if levels else "sound"
    order = {"bad": 0, "caution": 1}
    findings.sort(key=lambda f: order[f[0]])
    return Verdict(level, [text for _, text in findings], _facts(rows, stats))


def _facts(rows: list[Row], stats: Mapping[str, np.ndarray]) -> list[str]:
    def extreme(pick: Any, values: list[float]) -> float:
        finite = [v for v in values if math.isfinite(v)]
        return pick(finite) if finite else math.nan

    diverging = np.asarray(stats["diverging"])
    smallest = extreme(min, [min(r.ess_bulk, r.ess_tail) for r in rows])
    return [
        f"R-hat at most {extreme(max, [r.rhat for r in rows]):.3f} (good: below {RHAT})",
        f"effective sample size at least {smallest:.0f} "
        f"(good: {ESS_PER_CHAIN * diverging.shape[0]} or more)",
        f"{int(diverging.sum())} divergences in {diverging.size} draws (good: none)",
        f"mean acceptance {np.mean(np.asarray(stats['accept_prob'])):.2f}, "
        f"{np.mean(np.asarray(stats['num_steps'])):.1f} gradients a draw",
    ]


def _named(rows: list[Row], value: Any, most: int = 5) -> str:
    text = ", ".join(f"{r.label} {value(r)}" for r in rows[:most])
    return text + (f" and {len(rows) - most} more" if len(rows) > most else "")


def _not_finite(rows: list[Row]) -> list[tuple[str, str]]:
    wrong = [r for r in rows if not r.finite]
    if not wrong:
        return []
    named = _named(wrong, lambda r: f"({np.mean(~np.isfinite(r.draws)):.1%} of the draws)")
    return [("bad", f"There are values that are not finite: {named}.")]


def _stuck_chains(rows: list[Row]) -> list[tuple[str, str]]:
    stuck = sorted({int(k) for r in rows for k in np.flatnonzero(np.ptp(r.draws, axis=1) == 0)})
    if not stuck or rows[0].draws.shape[1] < 2:
        return []
    which = ", ".join(str(k + 1) for k in stuck)
    return [("bad", f"Chain {which} did not move: the sampler cannot leave its start.")]


def _modes(row: Row) -> list[list[int]] | None:
    return separated(row.draws) if row.rhat > RHAT else None


def _apart(rows: list[Row], apart: Mapping[str, list[list[int]]]) -> list[tuple[str, str]]:
    if not apart:
        return []

    def place(row: Row, chains: list[int]) -> str:
        spread = float(np.mean(row.draws[chains].std(axis=1))) or 1.0
        (near,) = rounded(spread, float(row.draws[chains].mean()))
        plural = "s" if len(chains) > 1 else ""
        return f"chain{plural} {', '.join(str(k + 1) for k in chains)} near {near}"

    shown = [r for r in rows if r.label in apart][:5]
    lines = [f"{r.label}: {'; '.join(place(r, g) for g in apart[r.label])}" for r in shown]
    more = f" (and {len(apart) - 5} more)" if len(apart) > 5 else ""
    return [
        (
            "bad",
            "The chains sit in different places, so the posterior has several modes or the "
            f"warmup was too short: {' | '.join(lines)}{more}. A mean over them describes none "
            "of them: compare the modes, order or constrain the parameters, or start in one "
            "mode with settings['init'].",
        )
    ]


def _mixing(rows: list[Row]) -> list[tuple[str, str]]:
    high = sorted((r for r in rows if r.rhat > RHAT), key=lambda r: -r.rhat)
    if not high:
        return []
    return [
        (
            "bad" if high[0].rhat > 1.05 else "caution",
            f"The chains do not agree yet: R-hat above {RHAT} for "
            f"{_named(high, lambda r: f'{r.rhat:.3f}')}. Run longer (--warmup, --samples), or "
            "reparametrise if that does not help.",
        )
    ]


def separated(draws: np.ndarray) -> list[list[int]] | None:
    """Groups of chains whose draws (chains, draws) hardly overlap, or None if all do.

    Chains sorted by mean are cut where neighbours are more than three of their standard
    deviations apart.
    """
    means, spread = draws.mean(axis=1), draws.std(axis=1)
    order = np.argsort(means)
    groups = [[int(order[0])]]
    for a, b in zip(order, order[1:], strict=False):
        if means[b] - means[a] > 3.0 * max(spread[a], spread[b], 1e-300):
            groups.append([])
        groups[-1].append(int(b))
    return [sorted(g) for g in groups] if len(groups) > 1 else None


def _sizes(rows: list[Row], chains: int, draws: int) -> list[tuple[str, str]]:
    needed = ESS_PER_CHAIN * chains
    low = sorted(
        (r for r in rows if min(r.ess_bulk, r.ess_tail) < needed),
        key=lambda r: min(r.ess_bulk, r.ess_tail),
    )
    if not low:
        return []
    worst = min(low[0].ess_bulk, low[0].ess_tail)
    wanted = math.ceil(draws * needed / max(worst, 1.0) * 1.2 / 100) * 100
    advice = (
        f"--samples {wanted} would do at this rate"
        if wanted <= 20 * draws
        else "the posterior's shape is hard: reparametrise, or try --dense-mass"
    )
    named = _named(low, lambda r: f"(bulk {r.ess_bulk:.0f}, tail {r.ess_tail:.0f})")
    return [
        (
            "bad" if worst < needed / 4 else "caution",
            f"Too few effective draws (below {needed}) for {named}: means and intervals of "
            f"these are noisy; {advice}.",
        )
    ]


def _transitions(stats: Mapping[str, np.ndarray], max_tree_depth: int) -> list[tuple[str, str]]:
    found = []
    diverging = np.asarray(stats["diverging"])
    count, total = int(diverging.sum()), diverging.size
    if count:
        found.append(
            (
                "bad" if count > 0.01 * total else "caution",
                f"{count} of {total} transitions diverged ({100 * count / total:.2g} %): the "
                "sampler cannot follow the posterior where they cluster (red in pair.png), so a "
                "part of it may be missing. Raise --target-accept (0.95, 0.99), or reparametrise "
                "(non-centred).",
            )
        )
    steps = np.asarray(stats["num_steps"])
    hits = int((steps >= 2**max_tree_depth - 1).sum())
    if hits > 0.005 * total:
        found.append(
            (
                "caution",
                f"{hits} of {total} trajectories were cut off at the maximum tree depth "
                f"{max_tree_depth}: the draws move slowly. Scale or reparametrise the model, try "
                "--dense-mass, or raise --max-tree-depth.",
            )
        )
    if diverging.shape[1] >= 8:
        with np.errstate(invalid="ignore", divide="ignore"):
            bfmi = diagnostics.e_bfmi(np.asarray(stats["energy"]))
        low = [(k, float(v)) for k, v in enumerate(bfmi) if v < BFMI]
        if low:
            named = ", ".join(f"chain {k + 1}: {v:.2f}" for k, v in low)
            found.append(
                (
                    "caution",
                    f"E-BFMI below {BFMI} ({named}): the energy moves slowly, usually from heavy "
                    "tails or a funnel; the tails may be under-explored. Reparametrise.",
                )
            )
    return found

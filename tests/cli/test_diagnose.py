"""The verdict: silent on good draws, and naming what is wrong with bad ones."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bibun.cli.diagnose import format_table, judge, rounded, rows_of, separated

CHAINS, DRAWS = 4, 1000


def stats(**changes):
    rng = np.random.default_rng(1)
    good = {
        "diverging": np.zeros((CHAINS, DRAWS), bool),
        "num_steps": np.full((CHAINS, DRAWS), 7),
        "accept_prob": np.full((CHAINS, DRAWS), 0.9),
        "energy": rng.normal(size=(CHAINS, DRAWS)),
    }
    return {**good, **changes}


def normal(seed=0, **kwargs):
    return np.random.default_rng(seed).normal(size=(CHAINS, DRAWS), **kwargs)


def verdict(samples, max_tree_depth=10, **changes):
    return judge(rows_of(samples), stats(**changes), max_tree_depth)


def test_good_draws_are_called_sound():
    v = verdict({"a": normal(), "b": normal(2)})
    assert v.level == "sound"
    assert v.findings == []
    assert any("R-hat at most 1.00" in f for f in v.facts)


def test_modes_between_chains_are_named_with_chains_and_places():
    x = normal(scale=0.1)
    x[2:] += 5.0
    v = verdict({"fine": normal(3), "where": x})
    assert v.level == "bad"
    (text,) = [f for f in v.findings if "different places" in f]
    assert re.search(r"where: chains 1, 2 near -?0\.00\d; chains 3, 4 near (5\.00|4\.99)\d", text)
    assert "fine" not in text


def test_chains_that_disagree_a_little():
    v = verdict({"drift": normal() + np.linspace(0, 1.0, DRAWS)})
    assert v.level != "sound"
    assert any("drift" in f and "R-hat above 1.01" in f for f in v.findings)


def test_few_effective_draws():
    rng = np.random.default_rng(0)
    x = np.empty((CHAINS, DRAWS))
    x[:, 0] = rng.normal(size=CHAINS)
    for k in range(1, DRAWS):
        x[:, k] = 0.97 * x[:, k - 1] + np.sqrt(1 - 0.97**2) * rng.normal(size=CHAINS)
    v = verdict({"slow": x, "fine": normal(4)})
    (text,) = [f for f in v.findings if "Too few effective draws" in f]
    assert "slow" in text
    assert "fine" not in text
    assert "--samples" in text


@pytest.mark.parametrize(("count", "level"), [(3, "caution"), (100, "bad")])
def test_divergences(count, level):
    diverging = np.zeros((CHAINS, DRAWS), bool)
    diverging.flat[:count] = True
    v = verdict({"a": normal()}, diverging=diverging)
    assert v.level == level
    assert v.findings[0].startswith(f"{count} of 4000 transitions diverged")


def test_tree_depth_and_energy():
    v = verdict({"a": normal()}, max_tree_depth=3)  # seven steps are the most at depth 3
    assert any("4000 of 4000 trajectories were cut off" in f for f in v.findings)
    slow = np.cumsum(normal(5), axis=1)
    v = verdict({"a": normal()}, energy=slow)
    assert any("E-BFMI below 0.3" in f and "chain 1" in f for f in v.findings)


def test_a_chain_that_does_not_move():
    x = normal()
    x[1] = 0.3
    v = verdict({"a": x})
    assert v.level == "bad"
    assert any("Chain 2 did not move" in f for f in v.findings)


def test_one_chain_and_few_draws():
    one = {k: v[:1] for k, v in stats().items()}
    v = judge(rows_of({"a": normal()[:1]}), one, 10)
    assert any("One chain" in f for f in v.findings)
    few = {k: v[:, :5] for k, v in stats().items()}
    v = judge(rows_of({"a": normal()[:, :5]}), few, 10)
    assert v.level == "bad"
    assert any("Only 5 draws" in f for f in v.findings)


def test_constants_are_not_judged():
    v = verdict({"a": normal(), "fixed": np.full((CHAINS, DRAWS), 2.0)})
    assert v.level == "sound"


def test_separated_groups():
    means = np.array([[0.0], [20.0], [0.5], [9.0]])
    x = means + np.random.default_rng(0).normal(size=(4, 500))
    assert separated(x) == [[0, 2], [3], [1]]
    assert separated(x[[0, 2]]) is None


@pytest.mark.parametrize(
    ("sd", "values", "text"),
    [
        (0.98, (4.9612,), ["4.96"]),
        (8.52, (-21.22,), ["-21.2"]),
        (12.0, (1234.5,), ["1234"]),
        (0.0012, (0.12345,), ["0.1235"]),
        (3e-9, (2.5e-8,), ["2.50e-08"]),
        (0.0, (3.0,), ["3"]),
    ],
)
def test_values_are_shown_to_the_second_digit_of_their_spread(sd, values, text):
    assert rounded(sd, *values) == text


def test_table_is_aligned_and_has_a_row_for_each_number():
    vector = np.random.default_rng(0).normal(size=(CHAINS, DRAWS, 2, 2))
    lines = format_table(rows_of({"a": normal(), "m": vector}))
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[0] for line in lines[1:]] == ["a", "m[0,0]", "m[0,1]", "m[1,0]", "m[1,1]"]
    assert " ".join(lines[0].split()) == "mean sd 5 % 95 % ESS bulk ESS tail R-hat"


def test_values_that_are_not_finite():
    x = normal()
    x[0, :10] = np.nan
    v = verdict({"log_of_negative": x, "fine": normal(1)})
    assert v.level == "bad"
    assert "not finite: log_of_negative (0.2% of the draws)" in v.findings[0]

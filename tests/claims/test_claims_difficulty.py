"""The tests behind B1 and B2, on answers of networks whose chances are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from closerlook.claims.estimates import Estimate, bootstrap_effect, verdict
from closerlook.claims.tests import difficulty  # noqa: F401  registers its tests
from closerlook.claims.tests.effects import REGISTRY
from closerlook.numerics.difficulty import difficulty as measured

NETWORKS, EXAMPLES = 100, 400


def rows(noise: str, chances: dict[int, np.ndarray | float], seed: int = 0, **more: object) -> pd.DataFrame:
    """One kind's rows: at each step networks are right with the chance of each example; 4 steps are an epoch."""
    generator = np.random.default_rng(seed)
    looks = [
        pd.DataFrame(
            {
                "step": step,
                "epoch": step / 4,
                "example": np.arange(EXAMPLES),
                "right": generator.binomial(NETWORKS, np.broadcast_to(chance, EXAMPLES)),
            }
        )
        for step, chance in chances.items()
    ]
    kind = {"noise": noise, "level": float(noise != "none"), "networks": NETWORKS, "diverged_networks": 0}
    return pd.concat(looks, ignore_index=True).assign(**kind | more)


def spread(mean: float, width: float) -> np.ndarray:
    """Chances evenly spread about a mean."""
    return np.linspace(mean - width, mean + width, EXAMPLES)


def run(name: str, table: pd.DataFrame, side: int = 1, threshold: float = 0.0, **options: object) -> Estimate:
    return REGISTRY[name].estimate(table, side, threshold, **options)


# ---- bootstrap intervals


def test_the_interval_is_that_of_the_percentiles() -> None:
    samples = np.random.default_rng(0).normal(3, 1, 1999)
    found = bootstrap_effect(np.array([3.1, *samples]), 50)
    assert (found.effect, found.n) == (3.1, 50)
    ordered = np.sort(samples)
    assert (found.low, found.high) == (ordered[48], ordered[-49])  # 48 of 1999 are fewer than 2.5 %
    assert found.low == pytest.approx(stats.norm.ppf(0.025, 3), abs=0.2)


@pytest.mark.parametrize("count", [79, 99, 1999])
def test_a_verdict_is_given_exactly_when_p_is_below_5_percent(count: int) -> None:
    samples = np.sort(np.random.default_rng(1).normal(size=count))
    decided = []
    for threshold in [-9.0, *(samples[:-1] + samples[1:]) / 2, 9.0]:
        found = bootstrap_effect(np.array([0.0, *samples]), 50, threshold=threshold)
        outside = threshold < found.low or threshold > found.high
        assert outside == (found.p < 0.05)
        decided.append(outside)
    assert 0 < np.mean(decided) <= 0.05


def test_a_sample_without_a_value_might_have_been_anything() -> None:
    values = np.linspace(1, 2, 2000)
    few, many = values.copy(), values.copy()
    few[1::50], many[1::20] = np.nan, np.nan  # 2 % and 5 %
    assert math.isfinite(bootstrap_effect(few, 50).low)
    assert bootstrap_effect(few, 50).low < bootstrap_effect(values, 50).low
    assert verdict(bootstrap_effect(few, 50), 1) == "supported"
    assert verdict(bootstrap_effect(many, 50), 1) == "undecided"
    assert bootstrap_effect(many, 50).p > 0.05


def test_without_the_effect_itself_nothing_is_decided() -> None:
    found = bootstrap_effect(np.array([np.nan, *np.ones(1999)]), 50, notes=["why"])
    assert math.isnan(found.p)
    assert verdict(found, 1) == verdict(found, -1) == "undecided"
    assert found.notes == ("why",)


# ---- dispersion after one epoch


def test_the_dispersion_is_that_after_one_epoch() -> None:
    table = rows("randY", {2: 0.1, 4: spread(0.4, 0.2), 8: 0.9})
    found = run("dispersion", table, threshold=1.25)
    wrong = NETWORKS - table.loc[table["step"] == 4, "right"].to_numpy()
    assert found.effect == measured(wrong[None], NETWORKS, 0).dispersion[0, 0]
    assert found.n == EXAMPLES
    assert verdict(found, 1) == "supported"


def test_null_tables_are_rarely_called_over_dispersed() -> None:
    found = [run("dispersion", rows("randX", {4: 0.2}, seed), threshold=1.0) for seed in range(80)]
    assert sum(verdict(estimate, 1) != "undecided" for estimate in found) <= 10  # 5 %, and three standard errors more
    within = [verdict(run("dispersion", rows("randX", {4: 0.2}, seed), threshold=1.25), -1) for seed in range(10)]
    assert within.count("supported") >= 7  # the standard error is 0.07
    assert "contradicted" not in within


def test_the_ratio_of_dispersions_is_real_data_over_noise() -> None:
    real, noise = rows("none", {4: spread(0.5, 0.4)}), rows("randX", {4: spread(0.5, 0.1)}, 1)
    found = run("more_dispersed", pd.concat([real, noise]))
    alone = [run("dispersion", part).effect for part in (real, noise)]
    assert found.effect == pytest.approx(math.log(alone[0] / alone[1]))
    assert verdict(found, 1) == "supported"
    swapped = run("more_dispersed", pd.concat([noise.assign(noise="none"), real.assign(noise="randX")]))
    assert swapped.effect == pytest.approx(-found.effect)
    assert verdict(swapped, 1) == "contradicted"


def test_kinds_of_equal_dispersion_are_rarely_told_apart() -> None:
    def null(seed: int) -> pd.DataFrame:
        return pd.concat([rows(kind, {4: spread(0.5, 0.2)}, 2 * seed + (kind == "none")) for kind in ("none", "randX")])

    wrong = sum(verdict(run("more_dispersed", null(seed)), 1) != "undecided" for seed in range(60))
    assert wrong <= 8


# ---- at equal error


def matched(table: pd.DataFrame, error_of: str = "real", test: str = "more_dispersed_at_equal_error") -> Estimate:
    return run(test, table, error_of=error_of)


LATER = {4: spread(0.2, 0.1), 8: spread(0.4, 0.2), 16: spread(0.8, 0.2)}
"""Right more and more often: a mean error of 0.5 lies between the second look and the third."""


def test_noise_is_compared_where_it_has_the_error_of_real_data() -> None:
    real, noise = rows("none", {4: spread(0.5, 0.4)}), rows("randY", LATER, 1)
    found = matched(pd.concat([real, noise]))
    wrong = NETWORKS - noise.pivot(index="step", columns="example", values="right").to_numpy()
    along = measured(wrong, NETWORKS, 0)
    error = 1 - real["right"].mean() / NETWORKS
    interpolated = np.interp(error, along.mean_error[0, ::-1], np.log(along.dispersion[0, ::-1]))
    assert found.effect == pytest.approx(math.log(run("dispersion", real).effect) - interpolated)
    assert found.notes == (f"compared at a mean error of {error:.3f}",)
    assert found.low < found.effect < found.high


def test_the_other_way_round_real_data_is_followed_to_the_error_of_noise() -> None:
    noise, real = rows("randY", {4: spread(0.5, 0.4)}), rows("none", LATER, 1)
    there = matched(pd.concat([real, noise]), "noise")
    back = matched(pd.concat([real.assign(noise="randY"), noise.assign(noise="none")]))
    assert there.effect == pytest.approx(-back.effect)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert verdict(there, 1) == "contradicted"


def test_easy_examples_are_counted_in_points_at_equal_error() -> None:
    real = rows("none", {4: np.where(np.arange(EXAMPLES) < 200, 1.0, 0.2)})  # half are easy
    found = matched(pd.concat([real, rows("randX", {2: 0.3, 4: 0.55, 8: 0.9}, 1)]), test="more_easy_at_equal_error")
    assert found.effect == pytest.approx(50, abs=0.1)
    assert found.low == pytest.approx(50 - 1.96 * 100 * math.sqrt(0.25 / EXAMPLES), abs=0.6)


def test_an_error_that_noise_never_reaches_leaves_it_undecided() -> None:
    found = matched(pd.concat([rows("none", {4: spread(0.9, 0.1)}), rows("randY", {4: 0.2, 8: 0.5}, 1)]))
    assert math.isnan(found.effect)
    assert verdict(found, 1) == verdict(found, -1) == "undecided"
    assert "not reached: the other kind went from 0.8" in found.notes[0]


def test_an_error_that_is_only_just_reached_is_undecided_and_says_so() -> None:
    real = rows("none", {4: spread(0.5, 0.5)})
    noise = rows("randY", {4: 0.2, 8: 0.01 + real["right"].mean() / NETWORKS}, 1)
    found = matched(pd.concat([real, noise]))
    assert math.isfinite(found.effect)
    assert any("bootstrap samples" in note for note in found.notes)
    assert verdict(found, 1) == "undecided"


@pytest.mark.parametrize("test", ["more_dispersed", "more_dispersed_at_equal_error", "more_easy_at_equal_error"])
def test_a_missing_kind_or_look_is_not_run(test: str) -> None:
    options = {} if test == "more_dispersed" else {"error_of": "real"}
    whole = pd.concat([rows("none", {4: 0.5}), rows("randX", {4: 0.3})])
    for part in (whole[whole["noise"] == "none"], whole[whole["noise"] != "none"], whole.assign(epoch=0.9)):
        found = run(test, part, **options)
        assert found.n == 0
        assert "not run at this scale" in found.notes[0]
    assert run("dispersion", rows("randX", {3: 0.5})).n == 0


def test_diverged_networks_are_said() -> None:
    real, noise = rows("none", {4: spread(0.5, 0.3)}), rows("randX", {4: 0.5, 8: 0.6}, diverged_networks=3)
    for test in ("more_dispersed", "dispersion"):
        table = pd.concat([real, noise]) if test == "more_dispersed" else noise
        assert run(test, table).notes == ("diverged networks left out of the counts: 3",)


def test_another_error_is_refused() -> None:
    with pytest.raises(ValueError, match="error_of: 'paper' must be real or noise"):
        matched(rows("none", {4: 0.5}), "paper")

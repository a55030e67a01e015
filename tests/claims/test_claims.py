from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from shipped import CLAIMS

from closerlook.claims import Claim, ClaimError, load
from closerlook.claims.catalogue import columns_of
from closerlook.claims.estimates import decisive_p, mean_effect, verdict
from closerlook.claims.judging import judge, judge_one, select
from closerlook.claims.tests.effects import REGISTRY
from closerlook.tables import TABLES


def run(name: str, rows: pd.DataFrame, side: int = 1, threshold: float = 0.0, **options: object):
    return REGISTRY[name].estimate(rows, side, threshold, **options)


def grid(**values: object) -> pd.DataFrame:
    """Every combination of the values."""
    return pd.DataFrame(list(itertools.product(*values.values())), columns=list(values))


# ---- intervals and verdicts

numbers = st.lists(st.floats(-100, 100), min_size=3, max_size=12).filter(lambda values: np.std(values) > 1e-3)


@given(values=numbers, threshold=st.floats(-10, 10))
def test_the_interval_and_p_value_are_those_of_scipy(values: list[float], threshold: float) -> None:
    found = mean_effect(values, threshold=threshold)
    oracle = stats.ttest_1samp(values, threshold)
    interval = oracle.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-9)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-12)


@given(values=numbers, threshold=st.floats(-10, 10), side=st.sampled_from([-1, 1]))
def test_a_verdict_is_given_exactly_when_p_is_below_5_percent(values: list[float], threshold: float, side: int) -> None:
    found = mean_effect(values, threshold=threshold)
    if abs(found.p - 0.05) > 1e-9:
        assert (verdict(found, side) != "undecided") == (decisive_p(found, side) < 0.05)


@given(values=numbers)
def test_the_opposite_expectation_turns_the_verdict_round(values: list[float]) -> None:
    opposite = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
    found = mean_effect(values)
    assert verdict(found, -1) == opposite[verdict(found, 1)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_seeds_decide_nothing(count: int) -> None:
    assert verdict(mean_effect([5.0, 5.001][:count]), 1) == "undecided"


def test_seeds_that_agree_are_no_more_certain_than_the_resolution() -> None:
    found = mean_effect([2.0, 2.0, 2.0], resolution=0.3)
    half = stats.t.ppf(0.975, 2) * 0.3 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))


def test_a_failed_condition_contradicts_and_an_open_one_leaves_it_undecided() -> None:
    good = [30.0, 31.0, 29.0]
    assert verdict(mean_effect(good, conditions=[(mean_effect([1.0, 1.1, 0.9]), 1)]), 1) == "supported"
    assert verdict(mean_effect(good, conditions=[(mean_effect([-1.0, -1.1, -0.9]), 1)]), 1) == "contradicted"
    assert verdict(mean_effect(good, conditions=[(mean_effect([-1.0, 1.1, 0.4]), 1)]), 1) == "undecided"


# ---- the tests, on tables with known effects


def levels_table(slope: float, seeds: int = 5, spread: float = 0.1, random: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(random)
    table = grid(seed=range(seeds), level=[0.0, 0.5, 1.0])
    table["trace"] = np.exp(1 + slope * table["level"] + rng.normal(0, spread, len(table)))
    return table


def test_the_slope_over_level_is_the_one_put_in() -> None:
    found = run("log_slope_over_level", levels_table(0.7, spread=0), column="trace")
    assert found.effect == pytest.approx(0.7)
    assert found.n == 5


def test_the_slope_over_level_agrees_with_scipy_seed_by_seed() -> None:
    table = levels_table(0.7)
    slopes = [stats.linregress(cell["level"], np.log(cell["trace"])).slope for _, cell in table.groupby("seed")]
    found = run("log_slope_over_level", table, column="trace")
    assert found.effect == pytest.approx(np.mean(slopes))
    assert found.p == pytest.approx(stats.ttest_1samp(slopes, 0).pvalue)


def test_checkpoints_not_reached_and_negative_traces_are_left_out_and_counted() -> None:
    table = levels_table(0.7, spread=0)
    table.loc[0, "trace"] = np.nan
    table.loc[5, "trace"] = -1.0
    found = run("log_slope_over_level", table, column="trace")
    assert found.effect == pytest.approx(0.7)
    assert found.notes == ("checkpoints not reached, left out: 1", "values not positive, left out: 1")


def test_null_tables_are_rarely_called_a_slope() -> None:
    verdicts = [
        verdict(run("log_slope_over_level", levels_table(0.0, random=random), column="trace"), 1)
        for random in range(200)
    ]
    assert verdicts.count("supported") <= 12  # 2.5 % expected on either side: P(more than 12 of 200) is below 0.3 %
    assert verdicts.count("contradicted") <= 12


def width_table(needs: dict[float, int], seeds: int = 3) -> pd.DataFrame:
    table = grid(seed=range(seeds), level=list(needs), width=[8, 16, 32, 64], examples=[1000])
    enough = table["width"] >= table["level"].map(needs)
    return table.assign(best_train_accuracy=np.where(enough, 1.0, 0.6))


def test_the_width_slope_counts_octaves() -> None:
    found = run("needed_width_slope", width_table({0.0: 8, 0.5: 16, 1.0: 32}), column="best_train_accuracy", reach=0.99)
    assert found.effect == pytest.approx(2)
    assert verdict(found, 1) == "supported"


def test_the_width_slope_knows_that_a_width_is_only_known_to_an_octave() -> None:
    found = run("needed_width_slope", width_table({0.0: 8, 1.0: 16}), column="best_train_accuracy", reach=0.99)
    rounding = math.sqrt(1 / 12 / 0.5)  # an octave's uniform rounding, through the two levels' slope
    half = stats.t.ppf(0.975, 2) * rounding / math.sqrt(3)
    assert (found.effect, found.high) == pytest.approx((1, 1 + half))


def test_widths_beyond_the_sweep_count_as_twice_the_largest() -> None:
    found = run("needed_width_slope", width_table({0.0: 8, 1.0: 999}), column="best_train_accuracy", reach=0.99)
    assert found.effect == pytest.approx(math.log2(128 / 8))
    assert found.notes == ("needed widths beyond the sweep, counted at twice its largest: 3",)


def test_within_a_point_of_the_best_is_measured_at_each_level() -> None:
    table = grid(seed=range(3), level=[0.0, 0.8], width=[8, 16, 32], examples=[1000])
    table["best_validation_accuracy"] = [0.895, 0.90, 0.905, 0.5, 0.60, 0.65] * 3
    found = run("needed_width_slope", table, column="best_validation_accuracy", within=0.01)
    assert found.effect == pytest.approx((math.log2(32) - math.log2(8)) / 0.8)


def test_null_width_tables_are_rarely_called_a_slope() -> None:
    def one(random: int) -> str:
        rng = np.random.default_rng(random)
        table = grid(seed=range(4), level=[0.0, 0.5, 1.0], width=[8, 16, 32, 64, 128], examples=[1000])
        need = np.repeat(np.exp2(rng.normal(5, 0.8, 12)), 5)
        table["accuracy"] = (table["width"] >= need).astype(float)
        return verdict(run("needed_width_slope", table, column="accuracy", reach=0.99), 1)

    assert [one(random) for random in range(200)].count("supported") <= 12


def epochs_table(ratio: float, seeds: int = 4, spread: float = 0.0, cap: int = 1000, random: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(random)
    table = grid(seed=range(seeds), width=[64, 128], examples=[1000], noise=["none", "randY"])
    time = 100 * np.where(table["noise"] == "none", 1.0, ratio) * np.exp(rng.normal(0, spread, len(table)))
    table["epochs_to_fit"] = np.where(time <= cap, time, np.nan)
    return table.assign(epochs=cap)


def test_the_ratio_to_clean_is_the_one_put_in() -> None:
    found = run("log_ratio_to_clean", epochs_table(3.0))
    assert found.effect == pytest.approx(math.log(3))
    assert found.n == 4


def test_the_ratio_is_paired_by_seed_and_averaged_over_widths() -> None:
    table = epochs_table(1.5, spread=0.3)
    wide = np.log(table.pivot_table("epochs_to_fit", ["seed", "width"], "noise"))
    ratios = (wide["randY"] - wide["none"]).groupby("seed").mean()
    found = run("log_ratio_to_clean", table)
    assert found.effect == pytest.approx(ratios.mean())
    assert found.p == pytest.approx(stats.ttest_1samp(ratios, 0).pvalue)


def test_a_ratio_ignores_the_sweep_over_examples() -> None:
    table = epochs_table(3.0)
    more = table[table["width"] == 128].assign(examples=4000, epochs_to_fit=7.0)
    assert run("log_ratio_to_clean", pd.concat([table, more])).effect == pytest.approx(math.log(3))


def test_noise_that_never_fits_is_a_lower_bound_for_slower() -> None:
    found = run("log_ratio_to_clean", epochs_table(30.0, cap=500))
    assert found.effect == pytest.approx(math.log(5))
    assert found.notes == ("networks not fitted, counted at the last epoch: 8",)


def test_noise_that_never_fits_cannot_be_called_faster() -> None:
    found = run("log_ratio_to_clean", epochs_table(30.0, cap=500), side=-1)
    assert verdict(found, -1) == "contradicted", "that noise takes at least 500 epochs is evidence"
    assert found.notes[-1] == "width 64, 128 counts as a bound only"


def test_noise_that_fits_only_where_it_is_wide_cannot_be_called_faster_for_that() -> None:
    table = epochs_table(0.8)
    table.loc[(table["noise"] != "none") & (table["width"] == 64), "epochs_to_fit"] = np.nan
    assert verdict(run("log_ratio_to_clean", table.assign(epochs=500), side=-1), -1) == "contradicted"


def test_real_data_that_never_fits_cannot_make_noise_slower() -> None:
    table = epochs_table(3.0)
    table.loc[(table["noise"] == "none") & (table["width"] == 64), "epochs_to_fit"] = np.nan
    found = run("log_ratio_to_clean", table.assign(epochs=10_000))
    assert verdict(found, 1) == "contradicted"
    assert found.notes[-1] == "width 64 counts as a bound only"


def test_null_ratios_are_rarely_called_slower() -> None:
    verdicts = [
        verdict(run("log_ratio_to_clean", epochs_table(1.0, spread=0.2, random=random)), 1) for random in range(200)
    ]
    assert verdicts.count("supported") <= 12


@pytest.mark.parametrize(("swept", "exponent"), [("width", -0.5), ("examples", 0.4)])
def test_the_power_of_a_size_is_the_one_put_in(swept: str, exponent: float) -> None:
    cells = pd.concat([grid(width=[32, 64, 128], examples=[1000]), grid(width=[128], examples=[250, 500, 2000, 4000])])
    table = cells.merge(pd.DataFrame({"seed": range(3)}), how="cross").assign(epochs=10**6)
    table["epochs_to_fit"] = 1e3 * table["width"] ** -0.5 * table["examples"] ** 0.4
    assert run("power_of_size", table, swept=swept).effect == pytest.approx(exponent)


# ---- claims as data


def test_every_claim_reads_only_columns_of_its_figure() -> None:
    claims = load(CLAIMS)
    wrong = {
        claim.id: missing
        for claim in claims
        if (missing := columns_of(claim) - set(TABLES.module(claim.figure).COLUMNS))
    }
    assert wrong == {}
    assert {claim.id[:2] for claim in claims if claim.paper == "A"} == {"A1", "A2", "A3", "A4"}


def test_the_claims_of_paper_a_have_these_names() -> None:
    names = {claim.id for claim in load(CLAIMS)}
    assert names >= {
        "A1-randX", "A1-fit-randY", "A2-randY-mnist", "A2-randX-fashion", "A2-randXg-mnist", "A2-width-none-mnist",
        "A2-examples-randY-fashion", "A3-randY-mnist-epochs", "A3-randY-mnist-loss0.1-trace",
        "A3-randX-fashion-loss0.01-frobenius", "A4-dropout", "A4-weight-decay",
    }  # fmt: skip
    assert sum(name.startswith("A3") for name in names) == 2 * 2 * 3 * 3


ENTRY = {
    "id": "X1", "paper": "X", "statement": "It grows.", "source": "Fig 1", "figure": "sharpness",
    "test": "log_slope_over_level", "with": {"column": "trace"}, "expected": "increase",
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*entries: dict) -> Path:
        (tmp_path / "claims.yaml").write_text(yaml.safe_dump(list(entries), sort_keys=False))
        return tmp_path / "claims.yaml"

    return write


def test_each_expands_to_the_product_of_its_choices(write: Callable[..., Path]) -> None:
    each = {"noise": ["randX", "randY"], "at": [{"name": "a", "loss": "0.1"}, {"name": "b", "loss": "0.01"}]}
    entry = ENTRY | {"id": "X-{noise}-{at[name]}", "where": {"checkpoint": "loss-{at[loss]}", "noise": ["{noise}"]}}
    claims = load(write(entry | {"each": each}))
    assert [claim.id for claim in claims] == ["X-randX-a", "X-randX-b", "X-randY-a", "X-randY-b"]
    assert claims[1].where == {"checkpoint": "loss-0.01", "noise": ["randX"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treshold": 1}, "claim X1: unknown key treshold; allowed: each, expected"),
        ({"statement": None}, "claim X1: needs text for statement"),
        ({"test": "guess"}, "claim X1: unknown test 'guess'; allowed: critical_beyond_clean"),
        ({"expected": "more"}, "claim X1: unknown expected 'more'; allowed: increase, above, decrease, below"),
        ({"figure": "hairiness"}, "claim X1: unknown figure 'hairiness'"),
        ({"threshold": "ten"}, "claim X1: threshold must be a number, not 'ten'"),
        ({"with": {"column": "trace", "of": 1}}, "claim X1: test log_slope_over_level takes as 'with' only: column"),
        ({"with": {}}, "claim X1: test log_slope_over_level needs 'with: column'"),
        ({"where": {"level": {"under": 1}}}, "claim X1: where level: bounds are below, at_most"),
        ({"where": ["mnist"]}, "claim X1: 'where' must map columns"),
        ({"with": {"column": "trase"}}, "claim X1: table 'sharpness' has no column trase; it has: "),
        ({"where": {"datset": "mnist"}}, "claim X1: table 'sharpness' has no column datset; it has: "),
        ({"where": {"dataset": "mnsit"}}, "claim X1: where dataset: 'mnsit' is none; there are: cifar10"),
        ({"where": {"noise": ["none", "randZ"]}}, "claim X1: where noise: 'randZ' is none; there are: none"),
        ({"where": {"noise": "rnad*"}}, "claim X1: where noise: 'rnad*' is none; there are: none"),
        ({"where": {"level": "1"}}, "claim X1: where level: must be a number, not '1'"),
        ({"where": {"level": 40}}, "claim X1: where level: is a share from 0 to 1, not 40"),
        ({"where": {"level": True}}, "claim X1: where level: must be a number, not True"),
        ({"where": {"level": []}}, "claim X1: where level: needs a value at least"),
        ({"where": {"level": {"below": "one"}}}, "claim X1: where level: a bound must be a number, not 'one'"),
        ({"where": {"dataset": None}}, "claim X1: where dataset: must be a number, a word"),
        ({"where": {"checkpoint": "fitt"}}, "claim X1: where checkpoint: 'fitt' is none; there are: epoch-<number>"),
        ({"id": "X-{noise}", "each": {"kind": ["a"]}}, "claim X-{noise}: braces that 'each' does not fill"),
        ({"each": {"noise": "randX"}}, "claim X1: 'each' must map names to lists"),
        ({"each": {"noise": ["a", "b"]}}, "more than one claim is called X1"),
    ],
)
def test_a_faulty_claim_is_refused_in_one_line(write: Callable[..., Path], change: dict, message: str) -> None:
    with pytest.raises(ClaimError) as caught:
        load(write({**ENTRY, **change}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_list_of_claims_is_refused(tmp_path: Path) -> None:
    (tmp_path / "claims.yaml").write_text("id: X1\n")
    with pytest.raises(ClaimError, match="must be a list of claims"):
        load(tmp_path / "claims.yaml")
    (tmp_path / "claims.yaml").write_text("- {id: X1\n")
    with pytest.raises(ClaimError, match="line 2, column 1: did not find expected"):
        load(tmp_path / "claims.yaml")


def claim(**changes: object) -> Claim:
    fields = {key: value for key, value in ENTRY.items() if key != "with"} | {"options": ENTRY["with"]}
    return Claim(**(fields | changes))


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"noise": "none"}, [0]),
        ({"noise": ["none", "randY"]}, [0, 2]),
        ({"at": "epoch-*"}, [0, 1]),
        ({"level": {"above": 0, "below": 1}}, [1]),
        ({"level": {"at_least": 0.5}, "noise": "randY"}, [2]),
        ({}, [0, 1, 2]),
    ],
)
def test_where_selects_rows(where: dict, kept: list[int]) -> None:
    columns = {"noise": ["none", "randX", "randY"], "level": [0.0, 0.5, 1.0], "at": ["epoch-3", "epoch-9", "fit"]}
    table = pd.DataFrame({**columns, "seed": 0, "trace": 1.0})
    assert list(select(claim(where=where), table).index) == kept


def test_a_column_that_the_table_lacks_is_named() -> None:
    with pytest.raises(ClaimError, match="claim X1: table 'sharpness' has no column trace"):
        select(claim(), pd.DataFrame({"seed": [0], "level": [0.0]}))


def test_rows_of_several_checkpoints_are_not_mixed() -> None:
    table = levels_table(1.0).assign(checkpoint=["fit", "loss-0.1", "fit"] * 5)
    with pytest.raises(ClaimError, match=r"leaves several checkpoints: fit, loss-0\.1"):
        select(claim(), table)


# ---- claims.json


def test_diverged_members_are_left_out_and_counted() -> None:
    table = levels_table(0.7, spread=0.01).assign(diverged=False)
    table.loc[0, ["diverged", "trace"]] = [True, 1e9]
    judged = judge_one(claim(note="found so before"), table)
    assert judged["effect"] == pytest.approx(0.7, abs=0.05)
    assert judged["note"] == "diverged members left out: 1; found so before"


def test_the_originals_values_are_not_judged() -> None:
    ours = levels_table(0.7, spread=0.01).assign(diverged=False, source="run")
    paper = ours.assign(trace=1e9, source="paper")
    assert judge_one(claim(), pd.concat([ours, paper])) == judge_one(claim(), ours)


def test_too_few_seeds_are_undecided_and_say_so() -> None:
    judged = judge_one(claim(), levels_table(0.7, seeds=2).assign(diverged=False))
    assert judged["verdict"] == "undecided"
    assert judged["note"] == "2 seeds, 3 are needed"


def test_a_run_becomes_a_json_file_that_readers_can_rely_on(write: Callable[..., Path], tmp_path: Path) -> None:
    table = levels_table(0.7).assign(diverged=False, noise="none")
    table.to_csv(tmp_path / "sharpness.csv", index=False)
    other = {"id": "X3", "figure": "capacity", "with": {"column": "best_train_accuracy"}}
    claims = write(ENTRY, ENTRY | {"id": "X2", "where": {"noise": "randX"}}, ENTRY | other)
    for name in ("one.json", "two.json"):
        judge(claims, {"sharpness": tmp_path / "sharpness.csv"}, tmp_path / name, "quick")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    content = json.loads((tmp_path / "one.json").read_text())
    assert content["scale"] == "quick"
    first, second, third = content["claims"]
    assert set(first) >= {
        "id", "paper", "statement", "verdict", "effect", "low", "high", "n", "p", "test", "expected", "note", "unit",
    }  # fmt: skip
    assert (first["id"], first["verdict"], first["n"]) == ("X1", "supported", 5)
    assert first["low"] < first["effect"] < first["high"]
    assert (second["verdict"], second["effect"], second["note"]) == ("undecided", None, "not run at this scale")
    assert (third["verdict"], third["note"]) == ("undecided", "not run at this scale: no table 'capacity'")

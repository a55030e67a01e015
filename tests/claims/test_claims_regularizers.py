from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from closerlook.claims.estimates import verdict
from closerlook.claims.tests import regularizers
from closerlook.claims.tests.effects import REGISTRY


def run(name: str, rows: pd.DataFrame, side: int = 1, threshold: float = 0.0, **options: object):
    return REGISTRY[name].estimate(rows, side, threshold, **options)


def grid(**values: object) -> pd.DataFrame:
    """Every combination of the values."""
    return pd.DataFrame(list(itertools.product(*values.values())), columns=list(values))


def trade_table(strengths: dict[float, tuple[float, float]], seeds: int = 8, spread: float = 0.002) -> pd.DataFrame:
    """Strength -> (training accuracy on random labels, validation accuracy on real data); strength 0 is none."""
    rng = np.random.default_rng(0)
    table = grid(seed=range(seeds), noise=["none", "randY"], strength=list(strengths))
    table["regularizer"] = np.where(table["strength"] > 0, "dropout", "none")
    table["level"] = np.where(table["noise"] == "randY", 1.0, 0.0)
    table["final_train_accuracy"] = table["strength"].map(lambda value: strengths[value][0])
    table["best_validation_accuracy"] = table["strength"].map(lambda value: strengths[value][1])
    numbers = ["final_train_accuracy", "best_validation_accuracy"]
    table[numbers] += rng.normal(0, spread, (len(table), 2))
    return table.assign(strength=table["strength"].map("{:g}".format))


OPTIONS = {"regularizer": "dropout", "tolerance": 1.0, "margin": 1.5}


def test_the_strongest_harmless_strength_is_chosen_and_judged() -> None:
    table = trade_table({0: (1.0, 0.9), 0.25: (0.9, 0.905), 0.5: (0.6, 0.9), 0.9: (0.1, 0.4)}, spread=0)
    found = run("memorizes_less", table, threshold=10.0, **OPTIONS)
    assert found.effect == pytest.approx(40)
    assert found.n == 4
    assert found.notes[0].startswith("strength 0.5, chosen on the even seeds; validation changes by")
    assert verdict(found, 1) == "supported"


def test_the_choice_does_not_see_the_odd_seeds() -> None:
    table = trade_table({0: (1.0, 0.9), 0.25: (0.9, 0.9), 0.5: (0.6, 0.9)}, spread=0)
    table.loc[(table["seed"] % 2 == 1) & (table["strength"] == "0.25"), "final_train_accuracy"] = 0.0
    found = run("memorizes_less", table, threshold=10.0, **OPTIONS)
    assert found.effect == pytest.approx(40)  # 0.25 would give 100, but only on the seeds that judge


def test_a_small_drop_contradicts() -> None:
    found = run("memorizes_less", trade_table({0: (1.0, 0.9), 0.1: (0.97, 0.9)}), threshold=10.0, **OPTIONS)
    assert verdict(found, 1) == "contradicted"


def test_a_regularizer_that_only_ever_harms_validation_is_contradicted() -> None:
    found = run("memorizes_less", trade_table({0: (1.0, 0.9), 0.8: (0.2, 0.8)}), threshold=10.0, **OPTIONS)
    assert found.effect == pytest.approx(80, abs=1)
    assert verdict(found, 1) == "contradicted"


def test_validation_too_uncertain_for_non_inferiority_is_undecided() -> None:
    table = trade_table({0: (1.0, 0.9), 0.5: (0.6, 0.9)}, spread=0.03)
    assert verdict(run("memorizes_less", table, threshold=10.0, **OPTIONS), 1) == "undecided"


def test_a_regularizer_that_was_not_run_is_undecided() -> None:
    found = run("memorizes_less", trade_table({0: (1.0, 0.9)}), threshold=10.0, **OPTIONS)
    assert found.notes == ("not run at this scale: regularizer or reference missing",)
    assert verdict(found, 1) == "undecided"


def two_regularizers(alone: float, together: float) -> pd.DataFrame:
    """Training accuracy on random labels with dropout alone and together with LASS, which has two strengths."""
    table = trade_table({0: (1.0, 0.9), 0.5: (alone, 0.9)}, spread=0)
    pair = trade_table({0.5: (together, 0.9), 0.9: (0.1, 0.5)}, spread=0).assign(regularizer="LASS + dropout")
    return pd.concat([table, pair.assign(strength="0.5 + " + pair["strength"])])


def test_one_regularizer_is_held_against_another() -> None:
    options = {**OPTIONS, "regularizer": "LASS + dropout", "against": "dropout"}
    found = run("memorizes_less", two_regularizers(0.7, 0.6), **options)
    assert found.effect == pytest.approx(10)
    assert found.notes[0].startswith("strength 0.5 + 0.5, chosen on the even seeds")
    assert found.notes[1] == "dropout at strength 0.5"
    assert verdict(run("memorizes_less", two_regularizers(0.6, 0.7), **options), 1) == "contradicted"


def test_a_pair_without_the_others_own_choice_is_not_held_against_it() -> None:
    table = two_regularizers(0.7, 0.6)
    coarse = table[table["strength"] != "0.5 + 0.5"]
    found = run("memorizes_less", coarse, **OPTIONS | {"regularizer": "LASS + dropout", "against": "dropout"})
    assert found.notes == ("not run at this scale: LASS + dropout with dropout 0.5, its own choice",)
    assert verdict(found, 1) == "undecided"


def test_a_better_regularizer_that_costs_validation_is_contradicted() -> None:
    table = two_regularizers(0.7, 0.6)
    table.loc[table["regularizer"] == "LASS + dropout", "best_validation_accuracy"] -= 0.05
    options = {**OPTIONS, "regularizer": "LASS + dropout", "against": "dropout"}
    assert verdict(run("memorizes_less", table, **options), 1) == "contradicted"


HARMLESS = {"regularizer": "dropout", "tolerance": 1.0}


def test_a_harmless_drop_is_that_of_the_strongest_harmless_strength() -> None:
    table = trade_table({0: (1.0, 0.9), 0.25: (0.96, 0.905), 0.9: (0.1, 0.4)})
    found = run("harmless_drop", table, -1, 10.0, **HARMLESS)
    assert found.effect == pytest.approx(4, abs=0.5)
    assert verdict(found, -1) == "supported"
    assert verdict(run("harmless_drop", trade_table({0: (1.0, 0.9), 0.25: (0.5, 0.9)}), -1, 10.0, **HARMLESS), -1) == (
        "contradicted"
    )


def test_where_every_strength_harms_nothing_is_gained() -> None:
    found = run("harmless_drop", trade_table({0: (1.0, 0.9), 0.8: (0.2, 0.8)}), -1, 10.0, **HARMLESS)
    assert (found.effect, found.n) == (0, 4)
    assert found.notes == ("every strength costs more than 1 points: the drop is that of no regularizer",)


def test_what_was_not_run_neither_helps_nor_does_not() -> None:
    assert verdict(run("harmless_drop", trade_table({0: (1.0, 0.9)}), -1, 10.0, **HARMLESS), -1) == "undecided"


# ---- the order of training curves


def curves(noise: list[float], real: list[float], seeds: int = 6, spread: float = 0.0, random: int = 0) -> pd.DataFrame:
    """Training accuracies of regularizers, constant over epochs, on random labels and on real data."""
    rng = np.random.default_rng(random)
    table = grid(seed=range(seeds), noise=["randY", "none"], place=range(len(noise)))
    means = np.where(table["noise"] == "randY", np.array(noise)[table["place"]], np.array(real)[table["place"]])
    table = table.assign(train_accuracy=means + rng.normal(0, spread, len(table)))
    table = table.assign(regularizer=table["place"].map(lambda place: f"r{place}"), level=1.0)
    return table.merge(pd.DataFrame({"epoch": [2, 4]}), how="cross")


def test_the_same_order_everywhere_does_not_differ() -> None:
    found = run("order_differs", curves([0.1, 0.2, 0.3], [0.7, 0.8, 0.9]))
    assert (found.effect, found.n) == (0, 3)


def test_a_pair_turned_round_is_its_share_of_the_pairs() -> None:
    found = run("order_differs", curves([0.1, 0.2, 0.3, 0.4], [0.8, 0.7, 0.9, 1.0]))
    assert found.effect == pytest.approx(1 / 6)
    assert (found.n, found.units, found.notes) == (3, "seed pairs", ("4 curves",))
    assert verdict(found, 1) == "supported"


def test_orders_that_are_noise_do_not_differ_more_than_seeds_do() -> None:
    verdicts = [
        verdict(run("order_differs", curves([0.5] * 6, [0.9] * 6, seeds=8, spread=0.1, random=random)), 1)
        for random in range(100)
    ]
    assert verdicts.count("supported") <= 8  # 2.5 % expected on either side: P(more than 8 of 100) is below 0.2 %
    assert verdicts.count("contradicted") <= 8


@given(
    values=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6, unique_by=(lambda v: v[0], lambda v: v[1])
    )
)
def test_without_ties_the_turned_pairs_are_those_of_kendalls_tau(values: list[tuple[float, float]]) -> None:
    one, other = np.array(values).T
    differences = np.abs(np.subtract.outer(one, one) * np.subtract.outer(other, other))
    if (differences[~np.eye(len(one), dtype=bool)] > 0).all():  # none so close that the product vanishes
        expected = (1 - stats.kendalltau(one, other).statistic) / 2
        assert regularizers._turned(one, other) == pytest.approx(expected)


def test_a_curve_that_ended_early_stays_where_it_ended() -> None:
    table = curves([0.1, 0.2], [0.8, 0.9])
    first = (table["regularizer"] == "r0") & (table["noise"] == "none")
    table.loc[first & (table["epoch"] == 2), "train_accuracy"] = 0.95
    ended = table[~(first & (table["epoch"] == 4))]
    assert run("order_differs", ended).effect == pytest.approx(1)  # 0.95 throughout lies above 0.9


def test_a_seed_without_both_kinds_is_left_out() -> None:
    table = curves([0.1, 0.2], [0.9, 0.8], seeds=5)
    gone = (table["seed"] == 0) & (table["noise"] == "none")
    assert run("order_differs", table[~gone]).n == 2
    assert run("order_differs", table[table["noise"] == "none"]).n == 0

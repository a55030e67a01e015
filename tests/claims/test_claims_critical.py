"""The tests of claims about critical samples, on tables whose effects are known."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from shipped import CLAIMS

from closerlook.claims import load
from closerlook.claims.catalogue import columns_of
from closerlook.claims.estimates import estimate, verdict
from closerlook.claims.tests.critical import (
    accuracy_slope_over_level,
    critical_beyond_clean,
    critical_slope_over_level,
    peaks_before_memorizing,
    rises_then_falls,
    rises_then_levels_off,
)
from closerlook.tables.criticality import COLUMNS

EPOCHS = (0, 1, 5, 20, 40, 60)


def run(test, table, side=1, **options):
    return estimate(test(table, **options), side, 0.0)


JITTER = np.array([-0.01, 0.0, 0.01, 0.02])
"""What the seeds differ by."""


def rows(curve, *, noise="randY", level=1.0, seeds=4, radius=0.01, column="validation_critical", epochs=EPOCHS, **more):
    """Return a network for each seed, whose `column` at each epoch is the curve's plus the seed's jitter."""
    cell = {"dataset": "mnist", "image_size": 14, "examples": 1000, "width": 128, "noise": noise, "level": level}
    table = pd.DataFrame(list(itertools.product(range(seeds), epochs)), columns=["seed", "epoch"]).assign(**cell)
    for name in ("train_accuracy", "validation_accuracy", "validation_critical", "training_critical"):
        table[name] = np.nan
    table["radius"] = radius
    for name, values in {column: curve, **more}.items():
        offsets = np.resize(JITTER, seeds)[:, None] if name != "train_accuracy" else np.zeros((seeds, 1))
        table[name] = (np.asarray(values, float) + offsets).ravel()
    return table


def shaken(table, *columns):
    """Seeds that agree to the last digit would be infinitely certain."""
    random = np.random.default_rng(0)
    return table.assign(**{name: table[name] + 1e-4 * random.standard_normal(len(table)) for name in columns})


def test_the_end_on_noise_is_compared_with_the_same_seeds_end_on_real_data():
    clean = rows([0.5, 0.2, 0.1, 0.1, 0.1, 0.1], noise="none", level=0.0)
    noisy = rows([0.5, 0.5, 0.6, 0.7, 0.7, 0.75])
    noisy.loc[noisy["seed"] == 3, "validation_critical"] += 0.2
    found = run(critical_beyond_clean, pd.concat([clean, noisy]), 1)
    assert (found.effect, found.n) == (pytest.approx(0.65 + 0.05), 4)
    assert "missing" in run(critical_beyond_clean, clean, 1).notes[0]


def test_a_box_is_the_smallest_unless_another_is_asked_for():
    parts = [
        rows([value] * 6, noise=noise, level=float(noise != "none"), radius=radius)
        for noise, values in (("none", (0.1, 0.3)), ("randY", (0.2, 0.9)))
        for radius, value in zip((0.01, 0.02), values, strict=True)
    ]
    table = pd.concat([*parts, rows([np.nan] * 6, radius=np.nan)])
    assert run(critical_beyond_clean, table, 1).effect == pytest.approx(0.1)
    assert run(critical_beyond_clean, table, 1, box=2).effect == pytest.approx(0.6)


def test_slopes_go_over_the_levels_at_the_end_alone():
    table = pd.concat(
        rows(
            [0.9, 0.1, 0.1, 0.1, 0.1, 0.1 + 0.5 * level],
            noise="randY" if level else "none",
            level=level,
            validation_accuracy=[np.nan, 0.3, 0.9 - 0.25 * level, 0.6, 0.6, 0.6 - 0.5 * level],
        )
        for level in (0.0, 0.4, 0.8)
    )
    assert run(critical_slope_over_level, table, 1).effect == pytest.approx(0.5)
    assert run(accuracy_slope_over_level, table, -1, of="final").effect == pytest.approx(-0.5)
    assert run(accuracy_slope_over_level, table, -1, of="best").effect == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("curve", "rise", "slowing", "expected"),
    [
        ([0.5, 0.2, 0.3, 0.5, 0.55, 0.6], 0.4, 0.3 - 0.1, "supported"),
        ([0.5, 0.2, 0.2, 0.2, 0.4, 0.6], 0.4, 0.0 - 0.4, "contradicted"),  # it speeds up
        ([0.5, 0.4, 0.3, 0.2, 0.15, 0.1], -0.05, 0.0 + 0.05, "contradicted"),  # it only falls
        ([0.0, 0.1, 0.3, 0.5, 0.45, 0.4], 0.4, 0.5 + 0.1, "supported"),
    ],
)
def test_rising_and_levelling_off(curve, rise, slowing, expected):
    found = run(rises_then_levels_off, shaken(rows(curve), "validation_critical"), 1)
    assert found.effect == pytest.approx(rise, abs=1e-3)
    assert found.conditions[0][0].effect == pytest.approx(slowing, abs=1e-3)
    assert verdict(found, 1) == expected


@pytest.mark.parametrize(
    ("curve", "fall", "rise", "expected"),
    [
        ([0.5, 0.4, 0.7, 0.6, 0.3, 0.1], 0.6, 0.3, "supported"),
        ([0.8, 0.4, 0.5, 0.3, 0.2, 0.1], 0.4, 0.1, "supported"),  # the highest of all is before training
        ([0.8, 0.6, 0.4, 0.3, 0.25, 0.1], 0.15, -0.05, "contradicted"),  # it only falls
        ([0.1, 0.2, 0.4, 0.6, 0.7, 0.9], -0.2, 0.6, "contradicted"),  # it only rises
    ],
)
def test_rising_and_falling(curve, fall, rise, expected):
    table = shaken(rows(curve, column="training_critical"), "training_critical")
    found = run(rises_then_falls, table, 1)
    assert found.effect == pytest.approx(fall, abs=1e-3)
    assert found.conditions[0][0].effect == pytest.approx(rise, abs=1e-3)
    assert verdict(found, 1) == expected


PEAK = {
    "validation_accuracy": [np.nan, 0.7, 0.8, 0.7, 0.65, 0.6],
    "train_accuracy": [np.nan, 0.5, 0.7, 0.8, 0.95, 1.0],
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "supported"),
        ({"train_accuracy": [np.nan, 0.9, 0.95, 0.97, 1, 1]}, "contradicted"),
        ({"validation_accuracy": [np.nan, 0.6, 0.65, 0.7, 0.85, 0.85]}, "contradicted"),  # all is fitted at the peak
        ({"curve": [0.5, 0.3, 0.4, 0.3, 0.2, 0.1]}, "contradicted"),  # fewer samples are critical after it
    ],
)
def test_a_peak_before_memorizing(change, expected):
    given = {"curve": [0.5, 0.3, 0.2, 0.3, 0.5, 0.6], **PEAK, **change}
    table = rows(given.pop("curve"), level=0.4, **given)
    table = shaken(table, "validation_accuracy", "validation_critical", "train_accuracy")
    found = run(peaks_before_memorizing, table, 1, train_below=0.9)
    assert verdict(found, 1) == expected
    if not change:
        train, rise = (part.effect for part, _ in found.conditions)
        assert (found.effect, train, rise) == pytest.approx((0.2, 0.7, 0.4), abs=1e-3)


def test_from_the_peak_on_the_share_counts_where_it_was_measured():
    """The peak is at epoch 5, and critical samples were searched at epochs 1 and 60: there is no rise to be seen."""
    table = rows([0.5, 0.3, np.nan, np.nan, np.nan, 0.6], level=0.4, **PEAK)
    found = run(peaks_before_memorizing, table, 1, train_below=0.9)
    assert found.conditions[1][0].effect == 0.0


@pytest.mark.parametrize(
    ("test", "column"), [(rises_then_levels_off, "validation_critical"), (rises_then_falls, "training_critical")]
)
def test_noise_alone_is_rarely_taken_for_a_rise_or_a_fall(test, column):
    """In 4 % of tables of noise the interval lies above 0 (2.5 % nominal); from each seed's own extreme very often."""
    random, above, naive, tables = np.random.default_rng(0), 0, 0, 100
    for _ in range(tables):
        table = rows([0.0] * 6, column=column)
        table[column] = random.standard_normal(len(table))
        above += run(test, table, 1).low > 0
        curves = table[column].to_numpy().reshape(4, 6) * (1 if column.startswith("validation") else -1)
        gain = curves[:, -1] - curves[:, :-1].min(axis=1)
        naive += gain.mean() - 3.182 * gain.std(ddof=1) / 2 > 0
    assert above <= 0.09 * tables  # two and a half standard deviations more than 4 %
    assert naive > 0.25 * tables


@pytest.mark.parametrize("test", [rises_then_levels_off, rises_then_falls])
def test_one_seed_or_one_epoch_choose_nothing(test):
    column = "validation_critical" if test is rises_then_levels_off else "training_critical"
    assert run(test, rows([0.5] * 6, column=column, seeds=1), 1).n == 0
    short = run(test, rows([0.5], column=column, epochs=(3,)), 1)
    assert short.n == 0
    assert "to choose an epoch" in short.notes[0]


def test_a_peak_cannot_be_judged_without_searches():
    found = run(peaks_before_memorizing, rows([np.nan] * 6, level=0.4, **PEAK), 1, train_below=0.9)
    assert verdict(found, 1) == "undecided"


def test_an_epoch_that_one_seed_lacks_is_left_out_for_all():
    table = rows([0.5, 0.1, 0.2, 0.5, 0.55, 0.6])
    table.loc[(table["seed"] == 2) & (table["epoch"] == 1), "validation_critical"] = np.nan
    assert run(rises_then_levels_off, table, 1).effect == pytest.approx(0.4)


def test_every_claim_of_the_topic_reads_columns_that_its_table_has():
    claims = [claim for claim in load(CLAIMS) if claim.figure in ("critical_samples", "critical_curves")]
    assert {claim.id.split("-")[0] for claim in claims} == {"B9", "B10", "B11", "B12", "B15"}
    for claim in claims:
        assert columns_of(claim) <= {*COLUMNS, "source"}

"""What the text quotes of each figure, against the same numbers worked out by hand on small tables."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest

from closerlook.figures.rendering import figure_modules, quoted
from closerlook.tables.prose import beside, geometric_mean, mean, write_prose


def prose(figure: str, rows: list[dict] | pd.DataFrame, original: list[dict] | None = None) -> dict:
    table = pd.DataFrame(rows)
    if "diverged" not in table:
        table = table.assign(diverged=False)
    return dict(quoted(figure_modules(figure)[0], table, None if original is None else pd.DataFrame(original)))


def capacity_rows() -> list[dict]:
    """Two seeds of two widths; validation is .8 + width / 1000 less .1 of noise, the seeds .02 apart."""
    return [
        {
            "dataset": "mnist", "examples": 100, "width": width, "noise": noise, "level": level, "seed": seed,
            "best_train_accuracy": 1 - level / width, "source": "run",
            "best_validation_accuracy": 0.8 + width / 1000 - 0.1 * level + 0.02 * seed,
        }
        for width, (noise, level), seed in product(
            (4, 16), (("none", 0), ("randX", 0.5), ("randX", 1), ("randY", 0.5), ("randY", 1)), (0, 1)
        )
    ]  # fmt: skip


def test_capacity_quotes_the_ends_of_the_width_sweep():
    rows = capacity_rows()
    rows[-1]["best_validation_accuracy"] = np.nan  # pure noise: not quoted
    found = prose("capacity", rows)
    assert (found["smallest_width"], found["largest_width"]) == (4, 16)
    assert (found["top_level"], found["partial_level"]) == (1, 0.5)
    assert found["fitted"] == pytest.approx({"none": 1.0, "randX": 0.75, "randY": 0.75})
    assert found["gain"] == pytest.approx(dict.fromkeys(("none", "randX", "randY"), 1.2))


def test_networks_that_diverged_and_the_originals_values_are_in_no_mean():
    extra = capacity_rows()[0] | {"best_train_accuracy": 0.0}
    lost = pd.DataFrame([*capacity_rows(), extra, extra | {"source": "paper"}])
    lost["diverged"] = [False] * (len(lost) - 2) + [True, False]
    assert prose("capacity", lost) == prose("capacity", capacity_rows())


def test_capacity_by_noise_quotes_what_twice_the_width_gains_and_what_the_original_needs():
    theirs = [
        {"noise": noise, "level": level, "width": width, "best_validation_accuracy": accuracy}
        for (noise, level), accuracies in ((("none", 0), (0.9, 0.975, 0.98)), (("randX", 0.8), (0.8, 0.9, 0.95)))
        for width, accuracy in zip((4, 64, 256), accuracies, strict=True)
    ]
    found = prose("capacity_by_noise", capacity_rows(), theirs)
    assert (found["top_level"], found["widest"]) == (0.5, 16)
    assert found["gain"] == pytest.approx(dict.fromkeys(("none", "randX", "randY"), 1.2))
    assert found["original_width"] == {"none": 64, "randX": 256}
    assert found["short"] is True
    wide = [row | {"width": row["width"] * 16} for row in capacity_rows()]
    assert prose("capacity_by_noise", wide, theirs)["short"] is False
    one_width = [row for row in capacity_rows() if row["width"] == 4]
    assert prose("capacity_by_noise", one_width, theirs)["gain"] == {"none": None, "randX": None, "randY": None}
    assert "original_width" not in prose("capacity_by_noise", capacity_rows())


def test_values_stand_beside_the_originals_where_the_table_has_both():
    at = {"dataset": "mnist", "width": 4096, "noise": "randX", "level": 0.8, "diverged": False}
    rows = [at | {"source": "run", "best_validation_accuracy": value} for value in (0.7, 0.9)]
    paper = at | {"source": "paper", "best_validation_accuracy": 0.965}
    assert prose("capacity_by_noise", [*rows, paper])["beside_original"]["randX"] == pytest.approx([0.965, 0.8])
    assert prose("capacity_by_noise", rows)["beside_original"] == {"none": None, "randX": None, "randY": None}
    assert beside(pd.DataFrame([paper]), "best_validation_accuracy", {"noise": "randX"}) is None


def time_rows() -> list[dict]:
    """Widths at 100 examples and sizes at width 8; epochs to fit are examples x (1 + level), one cell did not fit."""
    cells = [(100, 4), (100, 8), (100, 16), (50, 8), (400, 8)]
    rows = [
        {
            "dataset": "mnist", "examples": examples, "width": width, "noise": noise, "level": level, "seed": seed,
            "epochs_to_fit": examples * (1 + level) * 2.0**seed, "source": "run",
        }
        for (examples, width), (noise, level), seed in product(
            cells, (("none", 0), ("randX", 0.4), ("randX", 1)), (0, 1)
        )
    ]  # fmt: skip
    rows[0]["epochs_to_fit"] = np.nan
    return rows


def test_convergence_quotes_geometric_means_over_the_width_sweep():
    epochs = prose("convergence", time_rows())["epochs"]
    fitted = [200, *(100 * 2.0 ** np.array([0, 1, 0, 1]))]  # the first seed of width 4 did not fit
    assert epochs["mnist"]["none"] == pytest.approx(np.prod(fitted) ** (1 / 5))
    assert epochs["mnist"]["randX"] == pytest.approx(200 * math.sqrt(2)), "pure noise alone"


def test_time_by_noise_quotes_how_much_longer_the_most_examples_take():
    theirs = [
        {"sweep": "examples", "noise": "none", "level": 0, "examples": examples, "relative_epochs": value}
        for examples, value in ((180, 1.0), (50000, 0.66))
    ]
    found = prose("time_by_noise", time_rows(), [*theirs, theirs[0] | {"sweep": "width"}])
    assert (found["fewest"], found["most"]) == (50, 400)
    assert found["slowing"]["mnist"] == pytest.approx({"none": 8.0, "randX": 8.0})
    assert found["original_slowing"] == {"none": {"180": 1.0, "50000": 0.66}}


def test_sharpness_counts_what_was_not_reached_and_takes_the_median_error_of_the_traces():
    table = pd.DataFrame({
        "largest_eigenvalue": [1, np.nan, 2, 3], "trace": [10, np.nan, -20, 0], "trace_stderr": [1, np.nan, 4, 5],
    })  # fmt: skip
    assert prose("sharpness", table) == {"asked": 4, "missed": 1, "trace_error": pytest.approx(np.median([0.1, 0.2]))}


def test_easy_examples_quote_shares_after_one_epoch_and_the_first_dispersion():
    right = {("none", 1.0): [10, 8, 6, 0], ("randX", 0.5): [2, 0, 1, 1], ("randX", 1.0): [3, 1, 2, 2]}
    rows = [
        {
            "dataset": "mnist", "noise": noise, "level": int(noise != "none"), "step": int(epoch * 4), "epoch": epoch,
            "example": example, "right": count, "networks": 10, "source": "run",
        }
        for (noise, epoch), counts in right.items()
        for example, count in enumerate(counts)
    ]  # fmt: skip
    points = [{"noise": "none", "position": x, "right": y, "networks": 100} for x, y in ((0, 0), (0.5, 40), (1, 100))]
    found = prose("easy_examples", rows, points)
    assert found["right"]["mnist"] == pytest.approx({"none": 0.6, "randX": 0.2})
    assert found["error"]["mnist"] == pytest.approx({"none": 0.4, "randX": 0.8})
    assert found["first_look"] == {"mnist": 2}
    wrong = 10 - np.array(right["randX", 0.5])
    share = wrong.mean() / 10
    assert found["first_dispersion"]["mnist"] == pytest.approx(wrong.var(ddof=1) / (10 * share * (1 - share)))
    assert found["original_right"]["none"] == pytest.approx(0.5 * 0.2 + 0.5 * 0.7)


def test_filters_quote_the_correlation_on_random_labels_alone():
    rows = [
        {"dataset": "mnist", "noise": noise, "level": level, "stage": stage, "neighbour_correlation": value}
        for (noise, level, stage), values in {
            ("randY", 1, "trained"): (0.1, 0.3, np.nan), ("randY", 1, "learned"): (0.5,),
            ("randY", 0.5, "learned"): (9,),
            ("randX", 1, "learned"): (9,),
        }.items()
        for value in values
    ]  # fmt: skip
    assert prose("filters", rows) == {"correlation": {"mnist": pytest.approx({"trained": 0.2, "learned": 0.5})}}


def test_sensitivity_quotes_the_last_update_and_the_originals_nearest_in_logarithm():
    rows = [
        {
            "own_class": own, "noise": noise, "level": int(noise != "none"), "steps": steps, "learning_rate": 0.5,
            "examples": 50, "gini": steps / 1000 + (noise != "none"), "train_accuracy": 0.03, "source": "run",
        }
        for own, noise, steps in product((False, True), ("none", "randXu"), (50, 300))
    ]  # fmt: skip
    theirs = [
        {"own_class": False, "noise": "none", "level": 0, "steps": steps, "gini": gini}
        for steps, gini in ((1000, 0.2), (2000, 0.3), (10000, 0.5))
    ]
    theirs += [
        {"own_class": True, "noise": noise, "level": level, "steps": 30000, "gini": gini}
        for noise, level, gini in (("none", 0, 0.18), ("randXu", 1, 0.15))
    ]
    found = prose("sensitivity", rows, theirs)
    assert (found["steps"], found["rate_factor"]) == (300, 10)
    assert found["gini"] == pytest.approx({"none": 0.3, "randXu": 1.3})
    assert (found["own_accuracy"], found["own_guessing"]) == (pytest.approx(0.03), True)
    assert found["original_steps"] == 2000, "3000 is nearer to it than to 10 000, by the factor"
    assert found["original_gini"] == {"none": 0.3}
    assert found["original_own_difference"] == pytest.approx(0.03)
    assert found["own_unlearned"] is True
    learned = prose("sensitivity", [row | {"train_accuracy": 0.05} for row in rows])
    assert learned["own_guessing"] is False, "two of 50 classes"
    assert learned["own_unlearned"] is False


def test_class_sensitivity_quotes_the_mean_entries_over_each_other():
    rows = [
        {"noise": noise, "level": level, "sensitivity": value}
        for noise, level, value in (("none", 0, 1), ("none", 0, 3), ("randXu", 1, 5), ("randXu", 0.5, 99))
    ]
    assert prose("class_sensitivity", rows) == {"noise_over_real": 2.5, "real_over_noise": 0.4}
    assert prose("class_sensitivity", rows[:2]) == {"noise_over_real": None, "real_over_noise": None}


PROBLEM = {"dataset": "mnist", "image_size": 14, "examples": 100, "width": 8, "source": "run"}


def critical_rows() -> list[dict]:
    """Shares of .5, .2 and .3 over three epochs on real data, .1 more on noise and .4 in larger boxes."""
    return [
        PROBLEM | {
            "noise": noise, "level": level, "epoch": epoch, "radius": radius, "validation_random": share / 4,
            "validation_critical": share + 0.1 * (level > 0) + 0.4 * (radius > 0.01),
            "validation_accuracy": 0.9 - 0.5 * level - epoch / 1000,
        }
        for (epoch, share), (noise, level), radius in product(
            ((0, 0.5), (1, 0.2), (10, 0.3)), (("none", 0), ("randX", 0.8), ("randX", 1)), (0.01, 0.02)
        )
    ]  # fmt: skip


def test_critical_curves_quote_the_first_problem_in_the_smallest_boxes():
    other = [row | {"image_size": 28, "validation_critical": 9.0} for row in critical_rows()]
    found = prose(
        "critical_curves", [*critical_rows(), *other], [{"noise": "none", "epoch": 140, "validation_critical": 0.4}]
    )
    assert found["looks"] == {"mnist": 3}
    assert found["start"] == {"mnist": 0.5}
    assert found["falls_at_first"] == {"mnist": True}
    assert found["end"]["mnist"] == pytest.approx({"none": 0.3, "randX": 0.4})
    assert found["end_random"]["mnist"] == pytest.approx({"none": 0.075, "randX": 0.075})
    assert found["radius_factor"]["mnist"] == pytest.approx(0.01 / (0.3 / 255))
    assert found["original_end"] == {"none": 0.4}
    later = prose("critical_curves", [row for row in critical_rows() if row["epoch"]])
    assert (later["start"], later["falls_at_first"]) == ({"mnist": None}, {"mnist": False})


def test_critical_samples_quote_final_accuracies_of_real_data_and_of_much_noise():
    theirs = [
        {"dataset": "mnist", "noise": "randX", "level": level, "epoch": 100, "validation_accuracy": value}
        for level, value in ((0, 0.98), (0.8, 0.97))
    ] + [{"dataset": "cifar10", "noise": "randX", "level": 0, "epoch": 100, "validation_critical": 0.26}]
    found = prose("critical_samples", critical_rows(), theirs)
    assert (found["examples"], found["real_left"]) == (100, 20)
    assert found["final"]["randX"] == pytest.approx([0.89, 0.49])
    assert found["final"]["randY"] == [pytest.approx(0.89), None]
    assert found["original_final"] == {"randX": [0.98, 0.97], "randY": [None, None]}
    assert found["original_panels"] == {"randX": 0.26, "randY": None}


def test_critical_samples_compare_the_same_epoch_and_the_originals_radius_alone():
    at = PROBLEM | {"noise": "randY", "level": 0.4, "epoch": 100, "validation_accuracy": 0.7}
    rows = [at | {"radius": radius, "validation_critical": share} for radius, share in ((0.00118, 0.2), (0.0118, 0.9))]
    paper = at | {"source": "paper", "radius": 0.3 / 255, "validation_critical": 0.19, "validation_accuracy": 0.75}
    found = prose("critical_samples", [*rows, paper])["beside_original"]
    assert found["0.4"] == {"accuracy": pytest.approx([0.75, 0.7]), "critical": pytest.approx([0.19, 0.2])}
    assert found["0.8"] == {"accuracy": None, "critical": None}


def test_regularizer_frontier_quotes_hidden_noise_at_the_originals_strength():
    rows = [
        {"dataset": "mnist", "regularizer": name, "strength": strength, "noise": noise, "final_train_accuracy": value}
        for name, strength, noise, value in (
            ("hidden noise", "0.3", "randY", 0.9), ("hidden noise", "0.3", "randY", 0.7),
            ("hidden noise", "1", "randY", 0.1), ("hidden noise", "0.3", "none", 1.0), ("dropout", "5", "randY", 0.2),
        )
    ]  # fmt: skip
    theirs = [
        {"regularizer": "input noise", "point": "lowest", "memorized": 0.79, "validation": 0.677},
        {"regularizer": "input noise", "point": "plateau", "memorized": np.nan, "validation": 0.727},
    ]
    found = prose("regularizer_frontier", rows, theirs)
    assert found["hidden_noise"]["mnist"] == pytest.approx(0.8)
    assert found["strongest_hidden_noise"] == {"mnist": 1.0}
    assert found["original_memorized"] == {"input noise": 0.79}
    assert found["original_input_noise_cost"] == pytest.approx(5.0)


def test_regularizer_curves_quote_the_originals_range_without_the_unregularized():
    theirs = [
        {"noise": "randY", "epoch": epoch, "regularizer": name, "train_accuracy": value}
        for epoch, name, value in ((100, "a", 0.5), (100, "b", 0.9), (100, "none", 1.0), (35, "a", 0.1))
    ]
    assert prose("regularizer_curves", [{"noise": "none"}], theirs) == {"original_range": {"randY": [0.5, 0.9]}}


def test_means_leave_out_what_is_missing_and_say_when_nothing_is_left():
    assert mean(pd.Series([0.1] * 10)) == 0.1, "summed exactly"
    assert mean(pd.Series([np.nan])) is None
    assert geometric_mean(pd.Series([0, -1, 2, 8, np.nan])) == pytest.approx(4)
    assert geometric_mean(pd.Series([0.0])) is None


def test_what_is_written_is_read_as_it_was_and_infinities_are_nothing(tmp_path):
    numbers = {
        "a": np.int64(3),
        "b": np.float64(0.1),
        "c": {"x": math.nan},
        "d": [1, math.inf],
        "e": np.True_,
        "f": "ä",
    }
    write_prose(numbers, tmp_path / "one.json")
    assert json.loads((tmp_path / "one.json").read_text(encoding="utf-8")) == {
        "a": 3, "b": 0.1, "c": {"x": None}, "d": [1, None], "e": True, "f": "ä",
    }  # fmt: skip


def test_what_no_text_can_quote_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"prose\.means: DataFrame is nothing that a text can quote"):
        write_prose({"means": pd.DataFrame()}, tmp_path / "one.json")
    assert not list(tmp_path.iterdir())

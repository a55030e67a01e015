"""The tests behind B4 and B5, on tables with known answers, and the claims that use them."""

import numpy as np
import pandas as pd
import pytest
from shipped import CLAIMS as FILES

from closerlook.claims.catalogue import load
from closerlook.claims.estimates import estimate, verdict
from closerlook.claims.judging import judge_one, select
from closerlook.claims.tests import sensitivity

CLAIMS = {claim.id: claim for claim in load(FILES) if claim.figure in ("sensitivity", "class_sensitivity")}
CELLS = {("none", 0.0): 0.5, ("randX", 0.5): 0.3, ("randX", 1.0): 0.1}
FIXED = {
    "dataset": "mnist", "image_size": 14, "examples": 1000, "width": 32, "learning_rate": 0.5, "diverged": False,
}  # fmt: skip


def gini_table(own_class=False, flip=1):
    rows = [
        {**FIXED, "own_class": own_class, "noise": noise, "level": level, "seed": seed, "steps": steps,
         "gini": 0.5 + (flip * value + 0.01 * seed if steps == 1000 else -value)}
        for (noise, level), value in CELLS.items() for seed in range(4) for steps in (50, 1000)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def class_table(diagonal, spread):
    """Return the rows of matrices with off-diagonals around 1: (noise, level) -> diagonal, relative spread."""
    rows = []
    for (noise, level), own in diagonal.items():
        for seed in range(4):
            signs = np.where(np.arange(12).reshape(3, 4) % 2, 1.0, -1.0)
            matrix = np.full((3, 3), own + 0.01 * seed)
            matrix[~np.eye(3, dtype=bool)] = (1 + spread[noise, level] * (1 + 0.01 * seed) * signs[:, :2]).ravel()
            for (row, column), value in np.ndenumerate(matrix):
                cell = {"own_class": False, "noise": noise, "level": level, "seed": seed, "steps": 1000}
                rows.append(FIXED | cell | {"loss_class": row, "example_class": column, "sensitivity": value})
    return pd.DataFrame(rows)


MATRICES = class_table({("none", 0.0): 2.0, ("randX", 1.0): 4.0}, {("none", 0.0): 0.5, ("randX", 1.0): 0.1})


@pytest.mark.parametrize(
    ("claim", "difference"), [("B4-real-half-randX", 0.2), ("B4-half-noise-randX", 0.2), ("B4-real-noise-randX", 0.4)]
)
@pytest.mark.parametrize("flip", [1, -1])
def test_gini_coefficients_are_compared_at_the_last_horizon_within_a_seed(claim, difference, flip):
    found = judge_one(CLAIMS[claim], gini_table(flip=flip))
    assert found["effect"] == pytest.approx(flip * difference)
    assert found["n"] == 4
    assert found["verdict"] == ("supported" if flip > 0 else "contradicted")


def test_seeds_are_paired():
    table = gini_table().query("seed < 3 or noise != 'none'")
    rows = select(CLAIMS["B4-real-noise-randX"], table)
    found = estimate(sensitivity.less_equal_with_less_noise(rows), 1, 0.0)
    assert (found.n, found.high - found.low) == (3, pytest.approx(0, abs=1e-12))


def test_a_class_for_every_example_is_a_claim_of_its_own():
    both = pd.concat([gini_table(), gini_table(own_class=True, flip=-1)])
    assert judge_one(CLAIMS["B4-own-randX"], both)["effect"] == pytest.approx(-0.4)
    assert judge_one(CLAIMS["B4-real-noise-randX"], both)["effect"] == pytest.approx(0.4)


def test_the_diagonal_is_compared_with_the_rest():
    found = judge_one(CLAIMS["B5-diagonal-randX"], MATRICES)
    assert found["effect"] == pytest.approx(np.log([4, 4.01, 4.02, 4.03]).mean())
    assert found["verdict"] == "supported"


def test_share_and_spread_off_the_diagonal_are_differences_to_noise():
    share = judge_one(CLAIMS["B5-share-randX"], MATRICES)
    expected = [6 / (6 + 3 * (2 + 0.01 * seed)) - 6 / (6 + 3 * (4 + 0.01 * seed)) for seed in range(4)]
    assert share["effect"] == pytest.approx(np.mean(expected), abs=1e-6)
    spread = judge_one(CLAIMS["B5-spread-randX"], MATRICES)
    assert spread["effect"] == pytest.approx(np.mean([0.4 * (1 + 0.01 * seed) for seed in range(4)]))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))
def test_what_was_not_run_is_undecided(claim):
    table = gini_table() if claim.figure == "sensitivity" else MATRICES
    found = judge_one(claim, table[table["noise"] == "randX"].query("level == 1"))
    if claim.id == "B5-diagonal-randX":
        assert found["verdict"] == "supported"
    else:
        assert (found["verdict"], found["n"]) == ("undecided", 0)
        assert "not run at this scale" in found["note"]


def test_diverged_networks_are_left_out():
    table = gini_table()
    table.loc[table["seed"] == 3, ["diverged", "gini"]] = [True, np.nan]
    assert judge_one(CLAIMS["B4-real-noise-randX"], table)["n"] == 3


def test_verdicts_need_three_seeds():
    rows = gini_table().query("seed < 2 and noise != 'randX' or seed < 2 and level == 1")
    assert verdict(estimate(sensitivity.less_equal_with_less_noise(rows), 1, 0.0), 1) == "undecided"

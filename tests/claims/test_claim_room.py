from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from shipped import CLAIMS

from closerlook import things
from closerlook.claims import ClaimError, load
from closerlook.claims.estimates import Condition, Units, estimate
from closerlook.claims.judging import named_test
from closerlook.claims.tests import TESTS, declared
from closerlook.claims.tests.effects import REGISTRY, NamedTest

OWN = """
from closerlook.claims.estimates import Units
from closerlook.claims.tests.effects import register

COLUMNS = ("seed", "trace")


@register(COLUMNS, "mean trace", "as it is")
def mean_trace(rows, *, scale, shift=0.0):
    return Units((rows["trace"] * scale + shift).to_numpy())
"""


@pytest.fixture
def own(tmp_path: Path):
    before = things.own_folders()
    (tmp_path / "claims").mkdir()
    things.use([*before, tmp_path])
    yield tmp_path / "claims"
    things.use(before)


def test_what_the_source_says_of_a_test_is_what_it_registers() -> None:
    found = declared()
    for thing in TESTS.names():
        TESTS.module(thing)
    assert {name: test.columns for name, test in found.items()} == {name: REGISTRY[name].columns for name in found}
    assert len(found) >= 20


def test_a_test_in_an_own_folder_is_known_with_its_columns_and_options(own: Path) -> None:
    (own / "traces.py").write_text(OWN)
    things.use(things.own_folders())
    found = declared()["mean_trace"]
    assert (found.columns, found.options, found.needed) == (("seed", "trace"), ("scale", "shift"), ("scale",))
    try:
        assert named_test("mean_trace").effect_name == "mean trace"
    finally:
        REGISTRY.pop("mean_trace", None)


CLAIM = """
- id: T-trace
  statement: It is.
  source: this test
  figure: sharpness
  test: {test}
  with: {{scale: 2}}
  expected: increase
"""


@pytest.mark.parametrize(
    ("source", "test", "message"),
    [
        (
            "def half(:",
            "mean_trace",
            "unknown test 'mean_trace'; allowed: .*; not read: {file}: cannot be read, line 1",
        ),
        (OWN.replace("mean_trace", "dispersion"), "dispersion", "{file}: there is a test 'dispersion' already"),
        (OWN.replace("register(COLUMNS", "register(tuple(names())"), "mean_trace", "its columns must be a literal"),
        (OWN.replace(', "as it is"', ""), "mean_trace", "@register needs columns, effect_name, unit; it lacks unit"),
        (
            OWN.replace("rows, *, scale, shift=0.0", "rows, scale, shift=0.0"),
            "mean_trace",
            r"test 'mean_trace': options are keyword-only: write def mean_trace\(rows, \*, scale, shift\)",
        ),
        (
            OWN.replace("Units((", "Units(np.array("),
            "mean_trace",
            "{file}: line 10: 'np' is neither defined nor imported",
        ),
    ],
)
def test_a_test_that_cannot_be_used_is_named_where_a_claim_asks_for_it_and_stops_no_other(
    own: Path, tmp_path: Path, source: str, test: str, message: str
) -> None:
    (own / "traces.py").write_text(source)
    things.use(things.own_folders())
    others = [claim for claim in load(CLAIMS) if claim.test != "dispersion"] if test != "dispersion" else []
    assert {claim.test for claim in others} <= set(declared())
    (tmp_path / "claims.yaml").write_text(CLAIM.format(test=test))
    with pytest.raises(ClaimError, match=message.format(file=own / "traces.py")) as caught:
        load(tmp_path / "claims.yaml")
    assert "\n" not in str(caught.value)


def test_a_module_of_a_taken_name_is_named_where_a_claim_asks_for_its_test(own: Path, tmp_path: Path) -> None:
    (own / "difficulty.py").write_text(OWN)
    things.use(things.own_folders())
    (tmp_path / "claims.yaml").write_text(CLAIM.format(test="mean_trace"))
    with pytest.raises(
        ClaimError, match=f"not read: {own / 'difficulty.py'}: there is a claim test module 'difficulty'"
    ):
        load(tmp_path / "claims.yaml")


def test_a_test_of_a_logarithm_declares_its_base() -> None:
    for thing in TESTS.names():
        TESTS.module(thing)
    for name, test in declared().items():
        registered = REGISTRY[name]
        words = f"{registered.effect_name} {registered.unit}"
        spoken = (
            math.e if words.endswith(("ln ratio", "ln per unit of noise share")) else 2 if "octave" in words else None
        )
        assert (registered.base, test.is_logarithm) == (spoken, spoken is not None), name


def test_claims_are_checked_without_what_their_tests_compute_with() -> None:
    heavy = "numpy", "pandas", "scipy", "torch", "pydantic"
    code = (
        f"import sys; from closerlook.claims import load; load({[str(path) for path in CLAIMS]!r}); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_units_become_an_estimate_in_one_place():
    condition = Condition(Units(np.array([4.0, 5.0, 6.0])), side=-1, threshold=7.0)
    own = Condition(Units(np.array([2.0, 3.0, 4.0])))
    found = estimate(Units(np.array([1.0, 2.0, 3.0]), ("one",), (condition, own), name="pairs"), 1, 0.5)
    oracle = stats.ttest_1samp([1.0, 2.0, 3.0], 0.5)
    assert (found.effect, found.n, found.units, found.threshold, found.notes) == (2.0, 3, "pairs", 0.5, ("one",))
    assert found.p == pytest.approx(oracle.pvalue)
    assert [(part.effect, part.threshold, side) for part, side in found.conditions] == [(5.0, 7.0, -1), (3.0, 0.5, 1)]


def test_a_test_is_told_the_expected_side_where_it_asks():
    rows = pd.DataFrame({"seed": [0, 1, 2]})
    asking = NamedTest(lambda rows, *, side: Units(np.full(3, float(side))), ("seed",), "effect", "unit")
    assert [asking.estimate(rows, side, 0.0).effect for side in (1, -1)] == [1.0, -1.0]
    assert declared()["log_ratio_to_clean"].options == ()

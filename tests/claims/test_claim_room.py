from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shipped import CLAIMS

from closerlook import things
from closerlook.claims.judging import named_test
from closerlook.claims.tests import TESTS, declared
from closerlook.claims.tests.effects import REGISTRY
from closerlook.things import ThingError

OWN = """
from closerlook.claims.estimates import mean_effect
from closerlook.claims.tests.effects import register

COLUMNS = ("seed", "trace")


@register(COLUMNS, "mean trace", "as it is")
def mean_trace(rows, side, threshold, *, scale, shift=0.0):
    return mean_effect(rows["trace"] * scale + shift, threshold=threshold)
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


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def half(:", "cannot be read, line 1"),
        (OWN.replace("mean_trace", "dispersion"), "there is a test 'dispersion' already"),
        (
            OWN.replace("register(COLUMNS", "register(tuple(names())"),
            "columns of test 'mean_trace' must be a literal",
        ),
    ],
)
def test_a_module_that_cannot_be_read_is_named_in_one_line(own: Path, source: str, message: str) -> None:
    (own / "traces.py").write_text(source)
    things.use(things.own_folders())
    with pytest.raises(ThingError) as caught:
        declared()
    assert str(own / "traces.py") in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_claims_are_checked_without_what_their_tests_compute_with() -> None:
    heavy = "numpy", "pandas", "scipy", "torch", "pydantic"
    code = (
        f"import sys; from closerlook.claims import load; load({[str(path) for path in CLAIMS]!r}); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

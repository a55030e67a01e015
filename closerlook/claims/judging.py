"""Judge every claim on the tables of a run and write claims.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from closerlook.claims.catalogue import COMPARISONS, Claim, ClaimError, columns_of, load
from closerlook.claims.estimates import CONFIDENCE, FEWEST_SEEDS, Estimate, decisive_p, mean_effect, verdict
from closerlook.claims.tests import TESTS, declared
from closerlook.claims.tests.effects import NOT_RUN, REGISTRY, NamedTest
from closerlook.store import replacing
from closerlook.tables.rows import read_table


def judge(
    claims: str | Path | Sequence[str | Path], tables: Mapping[str, str | Path], output: str | Path, scale: str
) -> None:
    """Judge the claims of YAML files on the tables of a run; write `output` (claims.json) whole or not at all.

    Parameters
    ----------
    claims
        Path of the claims.yaml of a paper, or of each of several.
    tables
        Figure name -> path of its CSV. A claim whose figure is not there is undecided, "not run at this scale".
    output
        Where the JSON goes; the same claims and tables give the same bytes.
    scale
        Name of the scale, kept in the file.

    Raises
    ------
    ClaimError
        If a file of claims is not valid, or a table lacks a column that a claim reads.
    """
    loaded = {figure: read_table(path) for figure, path in tables.items()}
    judged = [judge_one(claim, loaded.get(claim.figure)) for claim in load(claims)]
    content = {"claims": judged, "confidence": CONFIDENCE, "scale": scale}
    with replacing(output) as temporary:
        temporary.write_text(
            json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def judge_one(claim: Claim, table: pd.DataFrame | None) -> dict[str, object]:
    """Return a claim's entry of claims.json: what it says, the verdict, and the effect with its interval.

    Numbers that are undefined are None. `note` holds what was left out or censored, then the claim's own note.
    """
    estimate = _estimate(claim, table)
    decision = verdict(estimate, claim.side)
    few = (
        [f"{estimate.n} {estimate.units if estimate.n > 1 else estimate.units[:-1]}, {FEWEST_SEEDS} are needed"]
        if 0 < estimate.n < FEWEST_SEEDS
        else []
    )
    test = named_test(claim.test)
    return {
        "id": claim.id,
        "paper": claim.paper,
        "statement": claim.statement,
        "verdict": decision,
        "effect": _number(estimate.effect),
        "low": _number(estimate.low),
        "high": _number(estimate.high),
        "n": estimate.n,
        "units": estimate.units,
        "p": _number(decisive_p(estimate, claim.side)),
        "test": claim.test,
        "expected": claim.expected,
        "threshold": claim.threshold,
        "note": "; ".join([*few, *estimate.notes, *([claim.note] if claim.note else [])]),
        "effect_name": test.effect_name,
        "unit": test.unit,
        "base": test.base,
        "figure": claim.figure,
        "source": claim.source,
    }


def named_test(name: str) -> NamedTest:
    """Return a test by its name; its module of the room is imported, and no other.

    Raises
    ------
    ThingError
        If the module's import fails.
    """
    if name not in REGISTRY:
        TESTS.module(declared()[name].thing)
    return REGISTRY[name]


def _estimate(claim: Claim, table: pd.DataFrame | None) -> Estimate:
    if table is None:
        return mean_effect([], notes=[f"{NOT_RUN}: no table '{claim.figure}'"])
    if "source" in table:
        table = table[table["source"] == "run"]  # not the original's values, drawn beside ours
    rows = select(claim, table)
    if rows.empty:
        return mean_effect([], notes=[NOT_RUN])
    diverged = rows["diverged"].astype(bool)
    lost = [f"diverged members left out: {int(diverged.sum())}"] if diverged.any() else []
    found = named_test(claim.test).estimate(rows[~diverged], claim.side, claim.threshold, **claim.options)
    return Estimate(**{**vars(found), "notes": (*lost, *found.notes)})


def _number(value: float) -> float | None:
    """Return a number as JSON has it: nine significant digits, None where it is undefined."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def select(claim: Claim, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that a claim is about.

    Raises
    ------
    ClaimError
        If the table lacks a column that the claim reads, or the rows mix several checkpoints.
    """
    if unknown := sorted(columns_of(claim) - set(table.columns)):
        raise ClaimError(f"claim {claim.id}: table '{claim.figure}' has no column {', '.join(unknown)}")
    for column, wanted in claim.where.items():
        table = table[_matches(table[column], wanted)]
    if "checkpoint" in table and table["checkpoint"].nunique() > 1:
        names = ", ".join(sorted(set(table["checkpoint"])))
        raise ClaimError(f"claim {claim.id}: its 'where' leaves several checkpoints: {names}")
    return table


def _matches(values: pd.Series, wanted: object) -> pd.Series:
    match wanted:
        case dict():
            kept = pd.Series(True, index=values.index)
            for bound, limit in wanted.items():
                kept &= getattr(values, COMPARISONS[bound])(limit)
            return kept
        case list():
            return values.isin(wanted)
        case str() if "*" in wanted:
            return values.map(lambda value: fnmatchcase(str(value), wanted)).astype(bool)
    return values == wanted

"""What the text says of several claims at once: how many of a group came out how, and which effects differ for sure.

A group is named by the beginning of its claims' names, ``B9-rise``, or by a name with open parts, ``A3-*-*-epochs``:
each ``*`` stands for one part between hyphens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from closerlook.store import replacing

Judged = Mapping[str, object]
"""A claim's entry of claims.json."""


def write_tallies(claims: str | Path, output: str | Path) -> None:
    """Write `output` (tallies.json) from claims.json, whole or not at all; the same claims give the same bytes.

    It has a `tally` of `all` claims, of none (`empty`), by paper (`papers`) and by group (`groups`); `departures` by
    paper; and by claim its `half_width`, and `above`: the claims of its family whose whole interval lies below its own.
    """
    judged = json.loads(Path(claims).read_text(encoding="utf-8"))["claims"]
    by_paper = {paper: [claim for claim in judged if claim["paper"] == paper] for paper in papers_of(judged)}
    content = {
        "all": tally(judged),
        "empty": tally([]),
        "papers": {paper: tally(some) for paper, some in by_paper.items()},
        "departures": {paper: departures(some) for paper, some in by_paper.items()},
        "groups": {name: tally(some) for name, some in groups(judged).items()},
        "half_width": {claim["id"]: half_width(claim) for claim in judged},
        "above": {claim["id"]: [other["id"] for other in judged if is_above(claim, other)] for claim in judged},
    }
    with replacing(output) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def papers_of(judged: Sequence[Judged]) -> list[str]:
    """Return the papers that have claims, in the claims' order."""
    return list(dict.fromkeys(claim["paper"] for claim in judged))


def was_run(claim: Judged) -> bool:
    """Whether there was anything to judge a claim by at this scale."""
    return claim["effect"] is not None


def family(claim: Judged) -> str:
    """Return the first part of a claim's name, which is what the paper says: ``B9``."""
    return claim["id"].split("-")[0]


def tally(claims: Sequence[Judged]) -> dict[str, object]:
    """Return how many claims there are, were run, and came out how; and of those supported, the extreme effects.

    `undecided` are those that were run, `unsettled` those and the ones that were `not_run`. `largest` and `smallest`
    name the supported claims of the largest and the smallest effect; None where none is supported.
    """
    run = [claim for claim in claims if was_run(claim)]
    counts = {
        verdict: sum(claim["verdict"] == verdict for claim in run)
        for verdict in ("supported", "contradicted", "undecided")
    }
    ranked = sorted((claim for claim in run if claim["verdict"] == "supported"), key=lambda claim: claim["effect"])
    return {
        "claims": len(claims),
        "run": len(run),
        **counts,
        "not_run": len(claims) - len(run),
        "unsettled": len(claims) - counts["supported"] - counts["contradicted"],
        "largest": ranked[-1]["id"] if ranked else None,
        "smallest": ranked[0]["id"] if ranked else None,
    }


def groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Return groups of claims by name: every beginning, and what any two names have in common, the other parts open."""
    found: dict[str, list[Judged]] = {}
    for claim in judged:
        parts = claim["id"].split("-")
        for length in range(1, len(parts) + 1):
            found.setdefault("-".join(parts[:length]), []).append(claim)
    names = [claim["id"] for claim in judged]
    opened = dict.fromkeys(filter(None, (open_name(*pair) for pair in combinations(names, 2))))
    return found | {name: [claim for claim in judged if fits(claim["id"], name)] for name in opened}


def open_name(one: str, other: str) -> str | None:
    """Return two names of a family as one, with a ``*`` for each part in which they differ; None where it cannot be."""
    pairs = list(zip(one.split("-"), other.split("-"), strict=False))
    if one.count("-") != other.count("-") or pairs[0][0] != pairs[0][1]:
        return None
    return "-".join(here if here == there else "*" for here, there in pairs)


def fits(name: str, opened: str) -> bool:
    """Whether a claim's name is one that a name with open parts stands for."""
    parts, wanted = name.split("-"), opened.split("-")
    return len(parts) == len(wanted) and all(asked in ("*", part) for part, asked in zip(parts, wanted, strict=True))


def departures(claims: Sequence[Judged]) -> list[dict[str, object]]:
    """Return, for each family of a paper that has contradicted claims, how many of how many; A2 before A10."""
    found = []
    for name in sorted({family(claim) for claim in claims}, key=_natural):
        own = tally([claim for claim in claims if family(claim) == name])
        if own["contradicted"]:
            found.append({"family": name, "contradicted": own["contradicted"], "claims": own["claims"]})
    return found


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    return tuple((letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", name))


def half_width(claim: Judged) -> float | None:
    """Return half of the interval of a claim's effect; None where it has none."""
    return None if claim["low"] is None else (claim["high"] - claim["low"]) / 2


def is_above(claim: Judged, other: Judged) -> bool:
    """Whether the whole interval of a claim's effect lies above that of another of its family."""
    known = claim["low"] is not None and other["high"] is not None
    return known and family(claim) == family(other) and claim["low"] > other["high"]

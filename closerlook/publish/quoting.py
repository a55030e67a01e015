"""What the texts of papers quote, found before any job: what nobody makes would fail after all the training.

Only a name that is written out is looked at, where a function of ``papers/results.typ`` or ``style.typ`` takes it. What
a text puts together while it is typeset, and the names of a figure's numbers, are found then, and refused in one line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from closerlook.config.checking import suggestion
from closerlook.config.papers import Paper
from closerlook.publish.calls import Written, calls
from closerlook.refusal import shown

FIGURES = {"plot": 0, "number": 0, "numbers-of": 0, "the": 0, "the-percent": 0, "beside": 1}
"""What looks up a figure -> which of its arguments names it."""

CLAIMS = {"claim": 1, "said": 1, "effect": 1, "factor": 1, "cell": 1, "half-width": 1, "all-above": 2, "first-run": 99}
"""What looks up a claim -> how many arguments name one."""

GROUPS = ("counted", "tally", "score", "share-of")
"""What looks up a group of claims: by a beginning, or a name with open parts."""

EXPERIMENTS = ("experiment", "setting")
ASKED = ("has-experiment", "settings")
"""What looks up an experiment that must be there, and what asks whether it is."""

KINDS = ("typ", "bib", "svg", "png", "jpg")
"""Files of a paper's folder that may be in its text."""


class QuoteError(ValueError):
    """A text quotes what nobody makes; the message is one line that names the file."""


def sources_of(papers: Iterable[Paper], shared: Path) -> list[Path]:
    """Return what papers are typeset from: texts, references, pictures; those of ``papers/`` that all share first."""
    common = [*shared.glob("*.typ"), shared / "references.bib", *(shared / "sections").rglob("*.typ")]
    own = [path for paper in papers for kind in KINDS for path in paper.folder.rglob(f"*.{kind}")]
    return [*sorted(common), *sorted(own)]


def quoted_figures(sources: Iterable[Path], figures: Collection[str]) -> list[str]:
    """Return the figures that typst files draw, and of which they quote numbers.

    Raises
    ------
    QuoteError
        If one of them is not among `figures`, those that the configuration makes.
    """
    found: dict[str, None] = {}
    for path, function, arguments in _calls(sources, FIGURES):
        for name in _names(arguments[FIGURES[function] :][:1]):
            if name not in figures:
                what = "shows" if function == "plot" else "quotes"
                raise QuoteError(
                    f"{path} {what} figure {shown(name)}, which the configuration does not make"
                    f"{suggestion(name, tuple(figures))}; put it back, take it "
                    "out of the text, or ask for the figures alone: snakemake --cores all figures"
                )
            found[name] = None
    return list(found)


def require_experiments(sources: Iterable[Path], experiments: Collection[str]) -> None:
    """Refuse typst files that look up an experiment which is not there, unless they themselves ask whether it is.

    Raises
    ------
    QuoteError
        If the configuration has no experiment of that name at its scale.
    """
    sources = list(sources)
    asked = {name for _, _, arguments in _calls(sources, ASKED) for name in _names(arguments)}
    for path, _, arguments in _calls(sources, EXPERIMENTS):
        for name in _names(arguments[:1]):
            if name not in asked and name not in experiments:
                raise QuoteError(
                    f"{path} quotes experiment {shown(name)}, which the configuration does not have"
                    f"{suggestion(name, tuple(experiments))}"
                )


def quoted_claims(sources: Iterable[Path], claims: Mapping[str, bool]) -> set[str]:
    """Return the claims that typst files quote; one, or a group, that none of the names is of is refused.

    Parameters
    ----------
    sources : iterable of Path
        What is typeset; only ``.typ`` files are read.
    claims : mapping
        The name of each claim -> whether its effect is a logarithm.

    Raises
    ------
    QuoteError
        If a text looks up a claim by a name in vain, or wants the factor of an effect that is no logarithm.
    """
    found: set[str] = set()
    for path, function, arguments in _calls(sources, [*CLAIMS, *GROUPS]):
        for written in filter(None, arguments[: CLAIMS.get(function, 1)]):
            meant = [claim for claim in claims if _is_meant(written, claim, function in GROUPS)]
            if not meant:
                raise QuoteError(
                    f"{path} quotes claim {shown(written.text)}, which no paper's claims.yaml has"
                    f"{suggestion(written.text, tuple(claims))}"
                )
            if function == "factor" and not any(claims[claim] for claim in meant):
                raise QuoteError(
                    f"{path} quotes the factor of claim {shown(written.text)}, whose effect is no logarithm; quote its "
                    "effect, or say in @register of its test to what base it is one"
                )
            found.update(meant)
    return found


def _calls(sources: Iterable[Path], functions: Collection[str]) -> Iterator[tuple[Path, str, list[Written | None]]]:
    for path in sources:
        if path.suffix == ".typ":
            for function, arguments in calls(path.read_text(encoding="utf-8"), functions):
                yield path, function, arguments


def _names(arguments: Iterable[Written | None]) -> list[str]:
    return [written.text for written in arguments if written and not written.more]


def _is_meant(written: Written, claim: str, group: bool) -> bool:
    """Whether what a text writes is a claim's name, the beginning of it, or, of a group, one with open parts."""
    if written.more:
        return claim.startswith(written.text)
    if not group:
        return claim == written.text
    pattern = "[^-]+".join(map(re.escape, written.text.split("*")))
    return claim.startswith(f"{written.text}-") or bool(re.fullmatch(pattern, claim))

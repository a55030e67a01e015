"""What the texts of papers quote, found before any job: a figure or a claim that nobody makes would fail after all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from closerlook.config.papers import Paper
from closerlook.config.yamlfile import read_yaml
from closerlook.refusal import shown

FIGURE = re.compile(r'\b(plot|number|numbers-of)\(\s*"([^"]+)"')
CLAIM = re.compile(
    r"\b(?:claim|said|effect|factor|cell|half-width|all-above|first-run|counted|tally|score|share-of)"
    r'\(\s*"([^"]+)"(\s*\+)?'
)
"""The first words of what `papers/results.typ` and `style.typ` look up; with ``+`` behind them a beginning."""
LITERAL = re.compile(r'"([A-Za-z0-9]+-[^"]*)"(\s*\+)?')


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
    for path, text in _texts(sources):
        for function, name in FIGURE.findall(text):
            if name not in figures:
                what = "shows" if function == "plot" else "quotes"
                raise QuoteError(
                    f"{path} {what} figure {shown(name)}, which the configuration does not make; put it back, take it "
                    "out of the text, or ask for the figures alone: snakemake --cores all figures"
                )
            found[name] = None
    return list(found)


def require_claims(sources: Iterable[Path], claims: Collection[str]) -> None:
    """Refuse typst files that quote a claim, or a group of claims, that none of the names is of.

    Raises
    ------
    QuoteError
        If a text names one of a family (the first part of a name) that exists, or looks one up by a name, in vain.
    """
    known, families = set(claims), {name.split("-")[0] for name in claims}
    for path, text in _texts(sources):
        named = [pair for pair in LITERAL.findall(text) if pair[0].split("-")[0] in families]
        for name, more in dict.fromkeys([*CLAIM.findall(text), *named]):
            if name not in known and not any(
                _stands_for(name, bool(more) or name.endswith("-"), claim) for claim in claims
            ):
                raise QuoteError(f"{path} quotes claim {shown(name)}, which no paper's claims.yaml has")


def claim_names(files: Sequence[Path]) -> list[str]:
    """Return the names of all claims of some files; `closerlook.claims` reads and checks the rest of them."""
    return [name for path in files for entry in read_yaml(path) or [] for name in _names(entry)]


def _names(entry: Mapping[str, object]) -> Iterator[str]:
    choices = entry.get("each", {})
    for values in product(*choices.values()):
        yield str(entry["id"]).format_map(dict(zip(choices, values, strict=True)))


def _texts(sources: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for path in sources:
        if path.suffix == ".typ":
            lines = path.read_text(encoding="utf-8").splitlines()
            yield path, "\n".join(line for line in lines if not line.lstrip().startswith("//"))


def _stands_for(name: str, beginning: bool, claim: str) -> bool:
    """Whether a name in a text is a claim's, the beginning of it, or one with open parts that it fits."""
    if beginning:
        return claim.startswith(name)
    pattern = "[^-]+".join(map(re.escape, name.split("*")))
    return claim.startswith(f"{name}-") or bool(re.fullmatch(pattern, claim))

"""What a text quotes and nobody makes is found before any job."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import CLAIMS, FIGURES

from closerlook.claims.catalogue import load
from closerlook.config.papers import read_paper
from closerlook.publish.quoting import QuoteError, claim_names, quoted_figures, require_claims, sources_of

PAPERS = Path(__file__).parents[2] / "papers"
NAMES = ["A3-randX-mnist-epochs", "A3-randX-mnist-epochs-trace", "A3-randY-mnist-epochs", "B9-rise-mnist", "norm-grows"]


def text(folder: Path, content: str) -> list[Path]:
    path = folder / "section.typ"
    path.write_text(content, encoding="utf-8")
    return [path]


def test_our_texts_quote_every_figure_and_nothing_that_is_not_made():
    sources = sources_of([read_paper(PAPERS / letter) for letter in "AB"], PAPERS)
    assert {path.parent.name for path in sources} == {"papers", "sections", "A", "B"}
    assert set(quoted_figures(sources, FIGURES)) == set(FIGURES)
    require_claims(sources, claim_names([PAPERS / letter / "claims.yaml" for letter in "AB"]))


def test_names_of_claims_are_those_of_the_catalogue():
    assert claim_names(CLAIMS) == [claim.id for claim in load(CLAIMS)]


@pytest.mark.parametrize(
    ("content", "words"),
    [('#plot("nowhere", "", [])', "shows figure 'nowhere'"), ('#number(\n"nowhere", "x")', "quotes figure 'nowhere'")],
)
def test_a_figure_that_nobody_makes_is_named_with_the_file(tmp_path, content, words):
    with pytest.raises(QuoteError) as failure:
        quoted_figures(text(tmp_path, content), ["capacity"])
    assert str(failure.value).startswith(f"{tmp_path / 'section.typ'} {words}, which the configuration does not make")
    assert "\n" not in str(failure.value)


def test_figures_are_told_once_each_in_the_order_of_the_text(tmp_path):
    found = text(tmp_path, '#plot("b", "", [])\n#number("a", "x")\n#plot("b", "", [])\n// #plot("c", "", [])')
    assert quoted_figures(found, ["a", "b", "c"]) == ["b", "a"]


@pytest.mark.parametrize(
    "content",
    [
        '#effect("A3-randX-mnist-epochs")', '#effect("A3-" + kind + "-mnist-epochs")', '#score("B9")',
        '#score("B9-rise")',
        '#tally("A3-*-mnist-epochs")', '#let all = ("A3-", "B9-").map(one => one + data)', '#claim("norm-grows")',
        '#said(\n  "B9-rise-mnist",\n  supported: [VGG16-like],\n)', '#let style = "a-b"', '// #effect("A3-wrong")',
    ],
)  # fmt: skip
def test_claims_are_quoted_by_name_beginning_or_open_parts(tmp_path, content):
    require_claims(text(tmp_path, content), NAMES)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('#effect("A3-randX-mnist-epoch")', "A3-randX-mnist-epoch"), ('#effect("A3-randZ" + x)', "A3-randZ"),
        ('#score("B8")', "B8"), ('#tally("A3-*-epochs")', "A3-*-epochs"), ('#let one = "A3-nothing"', "A3-nothing"),
        ('#let all = ("A3-rand-", "B9-").map(f)', "A3-rand-"), ('#claim("norm-falls")', "norm-falls"),
    ],
)  # fmt: skip
def test_a_claim_that_nobody_makes_is_named_with_the_file(tmp_path, content, name):
    with pytest.raises(QuoteError) as failure:
        require_claims(text(tmp_path, content), NAMES)
    assert str(failure.value) == f"{tmp_path / 'section.typ'} quotes claim '{name}', which no paper's claims.yaml has"

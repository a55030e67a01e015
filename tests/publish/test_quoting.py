"""What a text quotes and nobody makes is found before any job."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import CLAIMS, FIGURES, config

from closerlook.claims.catalogue import load
from closerlook.config.papers import read_paper
from closerlook.config.reading import SCALES
from closerlook.publish.quoting import (
    QuoteError,
    quoted_claims,
    quoted_figures,
    require_experiments,
    sources_of,
)
from closerlook.things import PACKAGE

PAPERS = Path(__file__).parents[2] / "papers"
NAMES = dict.fromkeys(
    ["A3-randX-mnist-epochs", "A3-randX-mnist-epochs-trace", "A3-randY-mnist-epochs", "B9-rise-mnist"], True
)
NAMES |= {"norm-grows": False, "my-first": True}


def text(folder: Path, content: str) -> list[Path]:
    path = folder / "section.typ"
    path.write_text(content, encoding="utf-8")
    return [path]


def test_our_texts_quote_every_figure_and_nothing_that_is_not_made():
    sources = sources_of([read_paper(PAPERS / letter) for letter in "AB"], PAPERS)
    assert {path.parent.name for path in sources} == {"papers", "sections", "A", "B"}
    assert set(quoted_figures(sources, FIGURES)) == set(FIGURES)
    quoted_claims(sources, {claim.id: claim.is_logarithm for claim in load(CLAIMS)})
    for scale in SCALES:
        require_experiments(sources, config(scale).experiments)


def test_the_templates_text_quotes_nothing_that_is_not_made():
    sources = [PACKAGE / "config" / "template" / "section.typ"]
    assert quoted_figures(sources, ["my_paper"]) == ["my_paper"]
    quoted_claims(sources, {"my-paper-slower": True})
    require_experiments(sources, ["my-paper"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('#plot("nowhere", "", [])', "shows figure 'nowhere'"),
        ('#number(\n"nowhere", "x")', "quotes figure 'nowhere'"),
        ('#the("nowhere", "x", digits: 2)', "quotes figure 'nowhere'"),
        ('#beside([a, b], "nowhere", x)', "quotes figure 'nowhere'"),
        ('#the-percent("nowhere", "x")', "quotes figure 'nowhere'"),
    ],
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
        '#score("B9-rise")', '#tally("A3-*-mnist-epochs")', '#let all = ("A3-", "B9-").map(one => one + data)',
        '#claim("norm-grows")', '#said(\n  "B9-rise-mnist",\n  supported: [VGG16-like],\n)', '#let style = "a-b"',
        '// #effect("A3-wrong")', '#factor("A3-" + kind + "-mnist-epochs", span: top)', '#factor("my-first")',
        '#image("my-photo.png")', '#experiment("my-other")', '#image("A3-curve.svg") #plot("B9-rise", "A3-alt", [])',
        '#run-data("B9-", "A3-rand", among: ("mnist", "B9-no"))', "Write `#effect(\"A3-wrong\")` for it.",
        '#x // see effect("A3-wrong")', '/* effect("A3-wrong") */', '#let effect(x) = x\n#effect("A3-mine")',
        '#table.cell("A3-mine")', '#my-claim("A3-mine")', '#first-run(..ids.map(id => "A3-" + id))',
        '#said(id, supported: effect(id), undecided: "A3-mine")', '#said("my-first", supported: [a "b) [c] \\] x],)',
    ],
)  # fmt: skip
def test_only_what_looks_a_claim_up_quotes_one(tmp_path, content):
    quoted_claims(text(tmp_path, content), NAMES)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('#effect("A3-randX-mnist-epoch")', "A3-randX-mnist-epoch"), ('#effect("A3-randZ" + x)', "A3-randZ"),
        ('#score("B8")', "B8"), ('#tally("A3-*-epochs")', "A3-*-epochs"), ('#claim("norm-falls")', "norm-falls"),
        ('#first-run("B9-rise-mnist", "A3-nothing")', "A3-nothing"), ('#effect("A3-randX")', "A3-randX"),
        ('#all-above("B9-rise-mnist", "A3-nothing")', "A3-nothing"), ('[#said("a", supported: [])]', "a"),
        ('#said("my-first", supported: [5" #effect("A3-no")])', "A3-no"), ('#cell("A3-no", factor)', "A3-no"),
    ],
)  # fmt: skip
def test_a_claim_that_nobody_makes_is_named_with_the_file(tmp_path, content, name):
    with pytest.raises(QuoteError) as failure:
        quoted_claims(text(tmp_path, content), NAMES)
    begin = f"{tmp_path / 'section.typ'} quotes claim '{name}', which no paper's claims.yaml has"
    assert str(failure.value).startswith(begin)
    assert "\n" not in str(failure.value)


def test_the_factor_of_what_is_no_logarithm_is_refused(tmp_path):
    quoted_claims(text(tmp_path, '#effect("norm-grows")'), NAMES)
    with pytest.raises(QuoteError, match="quotes the factor of claim 'norm-grows', whose effect is no logarithm"):
        quoted_claims(text(tmp_path, '#factor("norm-grows")'), NAMES)


@pytest.mark.parametrize("content", ['#experiment("flt").width', '#setting("flt")', '#setting(experiment("flt"))'])
def test_an_experiment_that_is_not_there_is_named_with_the_file_and_what_was_meant(tmp_path, content):
    require_experiments(text(tmp_path, content), ["flt"])
    with pytest.raises(QuoteError) as failure:
        require_experiments(text(tmp_path, content), ["flat"])
    file = tmp_path / "section.typ"
    expected = f"{file} quotes experiment 'flt', which the configuration does not have (did you mean flat?)"
    assert str(failure.value) == expected


def test_an_experiment_that_a_text_asks_for_may_be_missing(tmp_path):
    require_experiments(text(tmp_path, '#if has-experiment("deep") { experiment("deep").width }'), [])
    require_experiments(text(tmp_path, '#settings("flat", "deep") #let one = experiment("deep")'), ["flat"])

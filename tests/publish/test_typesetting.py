"""The paper compiles from any folder of results, to the same bytes, and says in one line what is missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shipped import CLAIMS, config

from closerlook.claims.judging import judge
from closerlook.claims.tallies import write_tallies
from closerlook.config.papers import read_paper
from closerlook.config.reading import SCALES
from closerlook.data.sets import SETS
from closerlook.figures.rendering import figure_modules, quoted
from closerlook.planning.plan import Plan
from closerlook.publish.typesetting import PaperError, typeset
from closerlook.publish.wording import Trained, parts, sentences, words
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import FACTORS
from closerlook.tables import answers, criticality, regularized
from closerlook.tables import capacity as capacity_table
from closerlook.tables import capacity_by_noise as capacity_by_noise_table
from closerlook.tables import class_sensitivity as class_sensitivity_table
from closerlook.tables import convergence as convergence_table
from closerlook.tables import filters as filters_table
from closerlook.tables import regularizer_curves as regularizer_curves_table
from closerlook.tables import regularizer_frontier as regularizer_frontier_table
from closerlook.tables import regularizers as regularizers_table
from closerlook.tables import sensitivity as sensitivity_table
from closerlook.tables import sharpness as sharpness_table
from closerlook.tables import time_by_noise as time_by_noise_table
from closerlook.tables.prose import write_prose
from closerlook.tables.rows import checkpoint_words, read_table, with_targets, write_table

ROOT = Path(__file__).parents[2]
OURS = (Path("papers/A"), Path("papers/B"))
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="504" height="280"><path d="M0 0h504v280H0z"/></svg>'


def networks(plan: Plan, experiments: list[str]) -> pd.DataFrame:
    """Return a row per network of the experiments: what it is, and a difficulty that grows with its noise."""
    rows = [
        {
            "dataset": ensemble.dataset,
            "image_size": ensemble.image_size,
            "examples": ensemble.examples,
            "network": ensemble.network,
            "width": ensemble.widths[0],
            "own_class": ensemble.own_class,
            "epochs": ensemble.epochs,
            **{name: getattr(member, name) for name in FACTORS},
            **member.regularizers,
            "diverged": False,
        }
        for experiment in experiments
        for ensemble in plan.ensembles[experiment].values()
        for member in ensemble.members
    ]
    table = pd.DataFrame(rows)
    used = [name for name in REGULARIZERS.names() if name in table]
    table[used] = table[used].fillna(0.0)
    rng = np.random.default_rng(0)
    hard = table["level"] * table["noise"].map({"none": 0, "randX": 0.6, "randXg": 0.4, "randXu": 0.5, "randY": 1.0})
    return table.assign(hard=hard, wobble=rng.normal(0, 0.03, len(table)))


def tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return plausible tables of every figure, in the columns of the figures' own modules."""
    return first_paper(plan) | closer_look(plan)


def first_paper(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return those of paper A."""
    figures = plan.config.figures
    one = networks(plan, figures["capacity"].experiments)
    ease = np.clip(one["width"] / (one["width"].max() * (0.1 + one["hard"])), 0.05, 1)
    one = one.assign(
        best_train_accuracy=np.where(ease < 1, 0.9 * ease, 1.0),
        best_validation_accuracy=0.9 - 0.3 * one["hard"] + 0.05 * ease + 0.1 * one["wobble"],
        fit_epoch=np.where(ease < 1, np.nan, 9),
    )
    one["final_validation_accuracy"] = one["best_validation_accuracy"] - 0.01
    two = networks(plan, figures["convergence"].experiments)
    fast = two["dataset"].eq("fashion") & two["noise"].str.startswith("randX")
    time = (
        np.exp(1.5 + np.where(fast, -two["hard"], two["hard"]) + two["wobble"])
        * (two["examples"] / two["width"]) ** 0.4
    )
    two = two.assign(epochs_to_fit=time.round().clip(1).where(time < two["epochs"]))
    two = two.assign(fitted=two["epochs_to_fit"].notna())
    options = plan.config.experiments[figures["sharpness"].experiments[0]].checkpoints
    names = [*(f"epoch-{epoch}" for epoch in options.epochs), *(f"loss-{loss:g}" for loss in options.losses)]
    base = networks(plan, figures["sharpness"].experiments)
    three = pd.concat([base.assign(checkpoint=name, at=checkpoint_words(name)) for name in names])
    sign = np.where(three["checkpoint"].str.startswith("loss"), -1, 1)
    size = np.exp(sign * three["hard"] + three["wobble"])
    three = three.assign(
        largest_eigenvalue=3 * size, residual=0.001, converged=True, trace=30 * size**2, trace_stderr=size,
        frobenius=5 * size, frobenius_stderr=0.2, loss=0.1,
    )  # fmt: skip
    four = regularized.named(networks(plan, figures["regularizers"].experiments))
    four = four.assign(
        final_train_accuracy=1 - 0.4 * (four["regularizer"] != "none") * (four["noise"] != "none"),
        best_validation_accuracy=0.9 + 0.1 * four["wobble"],
        final_validation_accuracy=0.89,
    )
    return {
        "capacity": one[list(capacity_table.COLUMNS)].assign(source="run"),
        "convergence": two[list(convergence_table.COLUMNS)].assign(source="run"),
        "sharpness": three[list(sharpness_table.COLUMNS)],
        "regularizers": four[list(regularizers_table.COLUMNS)],
    }


def closer_look(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return those of paper B; at scale paper with the original's values."""
    base = {name: networks(plan, figure.experiments) for name, figure in plan.config.figures.items()}
    one, six = base["capacity_by_noise"], base["time_by_noise"]
    one = one.assign(best_validation_accuracy=0.9 - 0.3 * one["hard"] * 8 / one["width"] + 0.1 * one["wobble"])
    six = six.assign(epochs_to_fit=(6 * np.exp(six["hard"]) / six["width"] ** 0.1).round())
    ten = regularized.one_each(regularized.named(base["regularizer_frontier"]))
    ten = ten.assign(
        final_train_accuracy=1 - 0.4 * (ten["regularizer"] != "none") * (ten["noise"] != "none"),
        best_validation_accuracy=0.9 + 0.1 * ten["wobble"],
    )
    curves = across(ten.drop_duplicates(["dataset", "regularizer", "noise", "seed"]), "epoch", [1, 5])
    curves = curves.assign(train_accuracy=curves["epoch"] / 5 - 0.1 * curves["hard"])
    critical = critical_networks(plan, base["critical_samples"])
    stages = across(base["filters"], "stage", filters_table.STAGES)
    smooth = (stages["stage"] != "initial") * (0.3 - 0.2 * stages["noise"].eq("randX")) + stages["wobble"]
    stages = stages.assign(neighbour_correlation=smooth, low_frequency_power=1 + smooth)
    options = plan.config.experiments["sensitivity"].measures["sensitivity"]
    unequal = across(base["sensitivity"], "steps", options.steps)
    unequal = unequal.assign(gini=0.5 - 0.3 * unequal["hard"] + unequal["wobble"])
    classes = across(across(base["class_sensitivity"], "loss_class", range(10)), "example_class", range(10))
    own = classes["loss_class"] == classes["example_class"]
    classes = classes.assign(sensitivity=np.where(own, 4, 1 - 0.5 * classes["hard"]) + classes["wobble"])
    found = {
        "easy_examples": easy_answers(plan).reindex(columns=list(answers.COLUMNS)),
        "filters": stages.reindex(columns=list(filters_table.COLUMNS)),
        "sensitivity": unequal.reindex(columns=list(sensitivity_table.COLUMNS)),
        "class_sensitivity": classes.reindex(columns=list(class_sensitivity_table.COLUMNS)),
        "capacity_by_noise": one[list(capacity_by_noise_table.COLUMNS)],
        "time_by_noise": six[six["noise"].isin(time_by_noise_table.SHOWN)][list(time_by_noise_table.COLUMNS)],
        "critical_samples": critical[list(criticality.COLUMNS)],
        "critical_curves": critical.loc[critical["level"].isin([0, 1]), list(criticality.COLUMNS)],
        "regularizer_frontier": ten[list(regularizer_frontier_table.COLUMNS)],
        "regularizer_curves": curves[list(regularizer_curves_table.COLUMNS)],
    }
    targets = {name: ROOT / "papers" / "B" / "targets" / f"{name}.csv" for name in found}
    shown = {name: path for name, path in targets.items() if plan.scale == "paper" and path.exists()}
    return {name: with_targets(table, shown.get(name)) for name, table in found.items()}


def across(table: pd.DataFrame, column: str, values: Iterable[object]) -> pd.DataFrame:
    """Return every row once with each of the values in a new column, and some noise of its own."""
    crossed = table.drop(columns=column, errors="ignore").merge(pd.DataFrame({column: list(values)}), how="cross")
    return crossed.assign(wobble=np.random.default_rng(1).normal(0, 0.03, len(crossed)))


def critical_networks(plan: Plan, base: pd.DataFrame) -> pd.DataFrame:
    """Return networks at every checkpoint and radius: critical samples fall, then rise and level off."""
    parts = []
    for name in plan.config.figures["critical_samples"].experiments:
        options = plan.config.experiments[name]
        own = base[(base["network"] == options.network) & base["dataset"].isin(options.dataset)]
        looks = across(own, "epoch", options.checkpoints.epochs)
        parts.append(across(looks, "radius", options.measures["critical_samples"].radius))
    table = pd.concat(parts, ignore_index=True)
    done = table["epoch"] / table.groupby("dataset")["epoch"].transform("max")
    share = 0.5 - 0.4 * (done > 0) + 0.3 * table["hard"] * np.sqrt(done) + 0.3 * table["wobble"]
    return table.assign(
        train_accuracy=np.clip(done + 0.3, 0, 1),
        validation_accuracy=0.9 - 0.5 * table["hard"] * done + 0.1 * table["wobble"],
        validation_critical=share,
        validation_random=share / 4,
        training_critical=share / 2,
    )


def easy_answers(plan: Plan) -> pd.DataFrame:
    """Return how many networks get each of 100 examples right: real ones differ more, and are ahead of noise."""
    options = plan.config.experiments["easy"]
    batches = -(-options.examples[0] // options.batch_size[0])
    cell = {"dataset": options.dataset[0], "image_size": options.image_size, "examples": options.examples[0]}
    kinds = pd.DataFrame({"noise": ["none", "randX", "randY"], "level": [0, 1, 1], "spread": [3.0, 0.5, 1.0]})
    table = across(across(kinds, "step", options.answers.steps), "example", range(100))
    ahead = np.log(table["step"] / batches) - table["level"]
    chance = 1 / (1 + np.exp(-ahead - table["spread"] * (table["example"] / 50 - 1)))
    right = np.random.default_rng(2).binomial(options.seeds, chance)
    return table.assign(
        **cell, width=options.width[0], epoch=table["step"] / batches, label=0, right=right, networks=options.seeds,
        diverged_networks=0, diverged=False,
    )  # fmt: skip


def provenance(plan: Plan) -> dict[str, object]:
    """Return what closerlook.publish.provenance writes, for networks that were never trained."""
    settings = json.loads(plan.config.to_json())
    versions = {"torch": "2.13.0", "numpy": "2.4.6", "h5py": "3.16.0"}
    trained = {
        name: Trained(
            sum(len(one.members) for one in ensembles.values()), 0, len(ensembles), versions, frozenset({"cpu"})
        )
        for name, ensembles in plan.ensembles.items()
    }
    told = parts(settings, trained)
    data = {
        name: {
            "title": name,
            "licence": "MIT",
            "source": "a mirror",
            "sha256": {"train/images": "0123456789abcdef" * 4},
            "citation": SETS[name].citation,
            "classes": SETS[name].classes,
            "training": SETS[name].training,
            "validation": SETS[name].validation,
            "published": name != "cifar10",
        }
        for name in (use["name"] for use in told["uses"]["data"])
    }
    return {
        "scale": plan.scale, "config": settings, "data": data, "words": words(), "said": sentences(told["uses"]), **told
    }  # fmt: skip


def build(folder: Path, scale: str) -> Path:
    """Copy the paper's sources into a folder and put synthetic results of a scale beside them; return the results."""
    shutil.copytree(ROOT / "papers", folder / "papers")
    results = folder / "results" / scale
    plan = Plan(config(scale))
    for name, table in tables(plan).items():
        write_table(table, results / "tables" / f"{name}.csv")
        quote(results, name, folder / "papers")
        (results / "figures").mkdir(exist_ok=True)
        (results / "figures" / f"{name}.svg").write_text(DRAWING)
    paths = {path.stem: path for path in (results / "tables").glob("*.csv")}
    judge(CLAIMS, paths, results / "claims.json", scale)
    write_tallies(results / "claims.json", results / "tallies.json")
    (results / "provenance.json").write_text(json.dumps(provenance(plan)))
    return results


def quote(results: Path, figure: str, papers: Path = Path("papers")) -> None:
    """Write what the text quotes of a figure from its table and the original's values."""
    table, targets = read_table(results / "tables" / f"{figure}.csv"), papers / "B" / "targets" / f"{figure}.csv"
    numbers = quoted(figure_modules(figure)[0], table, read_table(targets) if targets.exists() else None)
    write_prose(numbers, results / "tables" / f"{figure}.json")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """The project's paper and synthetic results of scale smoke, to be copied."""
    folder = tmp_path_factory.mktemp("paper")
    build(folder, "smoke")
    return folder


@pytest.fixture
def smoke(original, tmp_path, monkeypatch) -> Path:
    """Synthetic results of scale smoke; the working directory is the folder that has them and the paper."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Path("results/smoke")


def compiled(results: Path, *folders: Path) -> bytes:
    """Return the bytes of some papers' PDF, ours if none are given; a warning of the compiler's is a failure."""
    warnings: list[str] = []
    papers = [read_paper(folder) for folder in folders or OURS]
    typeset(papers, results, results / "paper.pdf", Path("papers"), log=warnings.append)
    assert not warnings
    return (results / "paper.pdf").read_bytes()


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    """Change the content of a JSON file in place, and what is derived from it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    if path.name == "claims.json":
        write_tallies(path, path.with_name("tallies.json"))


@pytest.mark.parametrize("scale", SCALES)
def test_paper_compiles_at_every_scale_without_warnings(tmp_path, monkeypatch, scale):
    monkeypatch.chdir(tmp_path)
    assert compiled(build(tmp_path, scale)).startswith(b"%PDF-")


@pytest.mark.parametrize("folder", OURS)
def test_a_paper_stands_alone(smoke, folder):
    alone = compiled(smoke, folder)
    assert alone.startswith(b"%PDF-")
    assert alone == compiled(smoke, folder) != compiled(smoke)


def test_both_papers_stand_alone_at_the_originals_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = build(tmp_path, "paper")
    assert len({compiled(results, folder) for folder in OURS}) == 2


@pytest.fixture
def own(tmp_path_factory) -> Path:
    """A paper of somebody's, far from ours, with a text, methods, references and a picture of its own."""
    folder = tmp_path_factory.mktemp("some where") / "mine"
    folder.mkdir()
    (folder / "paper.yaml").write_text("title: Widths\nauthors: [Ada Writer, Bo Coder]\n")
    (folder / "sketch.svg").write_text(DRAWING)
    (folder / "references.bib").write_text("@misc{ada, title = {Notes}, author = {Writer, Ada}, year = {2026}}")
    (folder / "methods.typ").write_text("== Counting\nWe count.")
    (folder / "section.typ").write_text(
        """#import "../results.typ": *
#import "../style.typ": *
#let abstract = [Widths from #number("capacity", "smallest_width").]
= Widths
From #number("capacity", "smallest_width") to #number("capacity", "largest_width") units @ada. #score("A1-fit")
#image("sketch.svg")
#refer("fig-capacity", [Elsewhere]) #plot("convergence", "Epochs", [Epochs.]) @fig-convergence
"""
    )
    return folder


def test_a_paper_from_anywhere_is_typeset_as_ours_are(smoke, own):
    alone = compiled(smoke, own)
    assert b"Ada Writer and Bo Coder" in alone.replace(b"\x00", b"")
    assert compiled(smoke, own) == alone
    assert len(compiled(smoke, OURS[1], own)) > len(compiled(smoke, OURS[1]))


def test_a_mistake_in_a_paper_from_anywhere_is_located(smoke, own):
    (own / "section.typ").write_text('#import "../results.typ": *\n#let x = number("capacity", "nothing")\n')
    with pytest.raises(PaperError, match=r"capacity\.json has no 'nothing'"):
        compiled(smoke, own)
    (own / "section.typ").write_text("= One\n#unknown-name")
    with pytest.raises(PaperError, match=rf"unknown-name \({re.escape(str(own))}/section.typ:2\)"):
        compiled(smoke, own)


def test_a_paper_without_text_shows_its_figures(smoke, own):
    for name in ("section.typ", "methods.typ", "references.bib"):
        (own / name).unlink()
    without = compiled(smoke, own)
    rewrite(
        smoke / "provenance.json",
        lambda content: content["config"]["figures"].update(
            capacity=content["config"]["figures"]["capacity"] | {"paper": "mine"}
        ),
    )
    assert len(compiled(smoke, own)) > len(without)


def test_a_paper_cannot_take_the_place_of_what_all_share(smoke, own):
    with pytest.raises(PaperError, match="a paper cannot be called sections; rename its folder"):
        compiled(smoke, own.rename(own.with_name("sections")))


def test_same_results_give_the_same_bytes_in_another_folder_and_at_another_time(smoke, tmp_path, monkeypatch):
    first = compiled(smoke)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    monkeypatch.chdir(shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-elsewhere")))
    assert compiled(Path("results/smoke")) == first


@pytest.mark.parametrize("outcome", ["supported", "contradicted", "undecided", "not run"])
def test_every_sentence_has_a_form_for_every_verdict(smoke, outcome):
    def decide(content: dict) -> None:
        for claim in content["claims"]:
            claim["verdict"] = "undecided" if outcome == "not run" else outcome
            if outcome == "not run":
                claim |= {"effect": None, "low": None, "high": None, "p": None, "n": 0}

    before = compiled(smoke)
    rewrite(smoke / "claims.json", decide)
    assert compiled(smoke) != before


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("claims.json", lambda content: content["claims"][4].update(effect=0.777)),
        ("provenance.json", lambda content: content.update(diverged=3)),
        ("provenance.json", lambda content: content["config"]["experiments"]["capacity"].update(momentum=0.77)),
    ],
)
def test_a_changed_number_in_a_result_file_changes_the_paper(smoke, file, change):
    before = compiled(smoke)
    rewrite(smoke / file, change)
    assert compiled(smoke) != before


def test_a_changed_number_in_a_table_changes_the_paper(smoke):
    before = compiled(smoke)
    path = smoke / "tables" / "capacity.csv"
    table = read_table(path)
    write_table(table.assign(best_train_accuracy=0.5 * table["best_train_accuracy"]), path)
    quote(smoke, "capacity")
    assert compiled(smoke) != before


def test_a_changed_value_of_the_original_changes_the_paper_at_the_original_s_scale(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = build(tmp_path, "paper")
    before = compiled(results)
    path = results / "tables" / "capacity_by_noise.csv"
    table = read_table(path)
    own = table["source"] == "run"
    shifted = table["best_validation_accuracy"].where(own, table["best_validation_accuracy"] - 0.1)
    write_table(table.assign(best_validation_accuracy=shifted), path)
    quote(results, "capacity_by_noise")
    assert compiled(results) != before


def test_a_value_of_the_original_that_the_text_quotes_comes_from_its_table(smoke):
    before = compiled(smoke)
    path = Path("papers/B/targets/regularizer_curves.csv")
    text = path.read_text(encoding="utf-8")
    assert text.count("0.515") == 1
    path.write_text(text.replace("0.515", "0.415"), encoding="utf-8")
    quote(smoke, "regularizer_curves")
    assert compiled(smoke) != before


def fails_with(results: Path) -> str:
    """Return the message with which typesetting fails; nothing must stay of the PDF."""
    with pytest.raises(PaperError) as failure:
        compiled(results)
    assert not list(results.glob("*.pdf*"))
    message = str(failure.value)
    assert "\n" not in message
    return message


def test_a_missing_claim_is_named(smoke):
    rewrite(smoke / "claims.json", lambda content: content["claims"].pop(4))
    assert fails_with(smoke).endswith("claims.json has no claim 'A2-randY-mnist'")


def test_a_missing_number_is_named_with_those_that_are_there(smoke):
    rewrite(smoke / "tables" / "capacity.json", lambda numbers: numbers.pop("fitted"))
    assert "tables/capacity.json has no 'fitted'; it has smallest_width, largest_width" in fails_with(smoke)


def test_a_number_that_was_not_measured_is_a_dash(smoke):
    before = compiled(smoke)
    rewrite(smoke / "tables" / "capacity.json", lambda numbers: numbers["gain"].pop("randX"))
    without = compiled(smoke)
    rewrite(smoke / "tables" / "capacity.json", lambda numbers: numbers["gain"].update(randX=None))
    assert compiled(smoke) == without != before


@pytest.mark.parametrize(
    ("quoted", "message"),
    [
        (
            'the("capacity", "gain", "nowhere")',
            "tables/capacity.json: gain has no 'nowhere'; it has none, randX, randY",
        ),
        ('the("capacity", "gain")', "a number is wanted where there is one of none, randX, randY; name one of them"),
        (
            'number("capacity", "smallest_width", "none")',
            "tables/capacity.json: smallest_width is 4, and nothing of 'none'",
        ),
        ('factor("A4-dropout")', "claim 'A4-dropout': its effect (percentage points) is no logarithm"),
    ],
)
def test_a_name_that_is_of_nothing_is_refused_in_one_line(smoke, quoted, message):
    section = Path("papers/A/section.typ")
    section.write_text(section.read_text(encoding="utf-8") + f"\n#{quoted}\n", encoding="utf-8")
    assert message in fails_with(smoke)


def test_a_setting_is_had_by_name(smoke, own):
    (own / "section.typ").write_text('#import "../results.typ": *\n#setting("sharpness")', encoding="utf-8")
    by_name = compiled(smoke, own)
    (own / "section.typ").write_text('#import "../results.typ": *\n#setting(experiment("sharpness"))', encoding="utf-8")
    assert compiled(smoke, own) == by_name


@pytest.fixture
def claimed(smoke, own) -> Path:
    """The same results, in which the paper from elsewhere has a figure of one of A's experiments, and two claims."""

    def enter(content: dict) -> None:
        content["config"]["figures"]["capacity"]["paper"] = own.name
        content.update(parts(content["config"], {"capacity": Trained(24, 5, 2, {"torch": "2"}, frozenset({"cpu"}))}))

    rewrite(smoke / "provenance.json", enter)
    rewrite(smoke / "claims.json", lambda content: [claim.update(paper=own.name) for claim in content["claims"][:2]])
    return smoke


def test_a_paper_speaks_of_what_it_uses_and_of_nothing_else(claimed, own):
    before = compiled(claimed, own)

    def say(kind: str, name: str, words: str) -> Callable[[dict], None]:
        return lambda content: content["said"][kind].update({name: words})

    for kind, name in (("network", "alexnet"), ("noise", "randXu"), ("objective", "offset"), ("regularizer", "lass")):
        rewrite(claimed / "provenance.json", say(kind, name, "Something else"))
        assert compiled(claimed, own) == before, name
    rewrite(claimed / "provenance.json", lambda content: content["data"]["fashion"].update(licence="another"))
    assert compiled(claimed, own) == before
    for kind, name in (("network", "mlp"), ("noise", "randY"), ("objective", "cross_entropy")):
        rewrite(claimed / "provenance.json", say(kind, name, "Something else"))
        assert compiled(claimed, own) != before, name
        before = compiled(claimed, own)
    rewrite(claimed / "provenance.json", lambda content: content.update(diverged=7, networks=9))
    assert compiled(claimed, own) == before
    rewrite(claimed / "provenance.json", lambda content: content["papers"][own.name].update(diverged=7))
    assert compiled(claimed, own) != before


def pages(pdf: bytes) -> int:
    (count,) = re.findall(rb"/Type/Pages/Count (\d+)", pdf)
    return int(count)


def test_a_few_claims_take_no_page_of_their_own(claimed, own):
    few = pages(compiled(claimed, own))
    rewrite(claimed / "claims.json", lambda content: [claim.update(paper=own.name) for claim in content["claims"][:11]])
    assert pages(compiled(claimed, own)) == few + 1


def test_authors_of_a_paper_beside_ours_are_named(smoke, own):
    (own / "section.typ").write_text("= Widths")
    for folders in ((*OURS, own), (OURS[0], own)):
        assert b"closerlook contributors, Ada Writer, and Bo Coder" in b"".join(
            compiled(smoke, *folders).split(b"\x00")
        ), folders


def test_papers_of_ones_own_are_typeset_together_without_ours(smoke, own, tmp_path):
    other = tmp_path / "theirs"
    other.mkdir()
    (other / "paper.yaml").write_text("title: Depths\nauthors: [Di Third]\n")
    together = compiled(smoke, own, other)
    assert b"Widths and Depths" in together
    assert b"Ada Writer, Bo Coder, and Di Third" in together


def test_a_missing_experiment_is_named(smoke):
    rewrite(smoke / "provenance.json", lambda content: content["config"]["experiments"].pop("sharpness"))
    assert fails_with(smoke).endswith("the configuration has no experiment 'sharpness'")


@pytest.mark.parametrize(
    "file", ["claims.json", "tallies.json", "provenance.json", "tables/sharpness.json", "figures/sharpness.svg"]
)
def test_a_missing_file_is_named(smoke, file):
    (smoke / file).unlink()
    assert file in fails_with(smoke)


def test_a_mistake_in_the_sources_is_located(smoke):
    Path("papers/sections/methods.typ").write_text("#unknown-name")
    assert fails_with(smoke) == "paper.pdf: unknown variable: unknown-name (papers/sections/methods.typ:1)"

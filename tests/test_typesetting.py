"""The paper compiles from any folder of results, to the same bytes, and says in one line what is missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from closerlook.claims import judge
from closerlook.claims.catalogue import load
from closerlook.config import SCALES, read_config
from closerlook.figures import capacity, convergence, regularizers, sharpness
from closerlook.figures.tables import checkpoint_words, read_table, write_table
from closerlook.plan import Plan
from closerlook.typesetting import PaperError, typeset

ROOT = Path(__file__).parents[1]
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="504" height="280"><path d="M0 0h504v280H0z"/></svg>'


def networks(plan: Plan, experiments: list[str]) -> pd.DataFrame:
    """Return a row per network of the experiments: what it is, and a difficulty that grows with its noise."""
    rows = [
        {
            "dataset": ensemble.dataset,
            "image_size": ensemble.image_size,
            "examples": ensemble.examples,
            "width": ensemble.widths[0],
            "epochs": ensemble.epochs,
            **vars(member),
            "diverged": False,
        }
        for experiment in experiments
        for ensemble in plan.ensembles[experiment].values()
        for member in ensemble.members
    ]
    table = pd.DataFrame(rows)
    rng = np.random.default_rng(0)
    hard = table["level"] * table["noise"].map({"none": 0, "randX": 0.6, "randXg": 0.4, "randY": 1.0})
    return table.assign(hard=hard, wobble=rng.normal(0, 0.03, len(table)))


def tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return plausible tables of every figure, in the columns of the figures' own modules."""
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
    four = networks(plan, figures["regularizers"].experiments)
    strengths = four[list(regularizers.REGULARIZERS.values())].to_numpy(float)
    which = np.where(strengths.any(axis=1), strengths.argmax(axis=1) + 1, 0)
    four = four.assign(
        regularizer=np.array(["none", *regularizers.REGULARIZERS])[which],
        strength=strengths.max(axis=1),
        final_train_accuracy=1 - 0.4 * (which > 0) * (four["noise"] != "none"),
        best_validation_accuracy=0.9 + 0.1 * four["wobble"],
        final_validation_accuracy=0.89,
    )
    return {
        "capacity": one[list(capacity.COLUMNS)].assign(source="run"),
        "convergence": two[list(convergence.COLUMNS)].assign(source="run"),
        "sharpness": three[list(sharpness.COLUMNS)],
        "regularizers": four[list(regularizers.COLUMNS)],
    }


def provenance(plan: Plan) -> dict[str, object]:
    """Return what closerlook.provenance writes, for networks that were never trained."""
    data = {
        name: {
            "title": name,
            "licence": "MIT",
            "source": "a mirror",
            "sha256": {"train/images": "0123456789abcdef" * 4},
        }
        for name in ("fashion", "mnist")
    }
    return {
        "scale": plan.scale,
        "config": json.loads(plan.config.model_dump_json()),
        "data": data,
        "networks": plan.networks(),
        "diverged": 0,
        "ensembles": sum(map(len, plan.ensembles.values())),
        "versions": {"torch": "2.13.0", "numpy": "2.4.6", "h5py": "3.16.0"},
        "devices": ["cpu (x86_64)"],
    }


def build(folder: Path, scale: str) -> Path:
    """Copy the paper's sources into a folder and put synthetic results of a scale beside them; return the results."""
    shutil.copytree(ROOT / "paper", folder / "paper")
    results = folder / "results" / scale
    plan = Plan(read_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")), scale))
    for name, table in tables(plan).items():
        write_table(table, results / "tables" / f"{name}.csv")
        (results / "figures").mkdir(exist_ok=True)
        (results / "figures" / f"{name}.svg").write_text(DRAWING)
    paths = {path.stem: path for path in (results / "tables").iterdir()}
    judge(ROOT / "claims.yaml", paths, results / "claims.json", scale)
    (results / "provenance.json").write_text(json.dumps(provenance(plan)))
    return results


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


def compiled(results: Path) -> bytes:
    """Return the paper's bytes; a warning of the compiler's is a failure."""
    warnings: list[str] = []
    typeset(Path("paper/main.typ"), results, results / "paper.pdf", log=warnings.append)
    assert not warnings
    return (results / "paper.pdf").read_bytes()


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    """Change the content of a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("scale", SCALES)
def test_paper_compiles_at_every_scale_without_warnings(tmp_path, monkeypatch, scale):
    monkeypatch.chdir(tmp_path)
    assert compiled(build(tmp_path, scale)).startswith(b"%PDF-")


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
    assert compiled(smoke) != before


def fails_with(results: Path) -> str:
    """Return the message with which typesetting fails; nothing must stay of the PDF."""
    with pytest.raises(PaperError) as failure:
        typeset(Path("paper/main.typ"), results, results / "paper.pdf")
    assert not list(results.glob("*.pdf*"))
    message = str(failure.value)
    assert "\n" not in message
    return message


def test_a_missing_claim_is_named(smoke):
    rewrite(smoke / "claims.json", lambda content: content["claims"].pop(4))
    assert fails_with(smoke).endswith("claims.json has no claim 'A2-randY-mnist'")


def test_a_missing_column_is_named_with_those_that_are_there(smoke):
    path = smoke / "tables" / "capacity.csv"
    write_table(read_table(path).drop(columns="best_train_accuracy"), path)
    message = fails_with(smoke)
    assert "tables/capacity.csv has no column 'best_train_accuracy'; it has dataset, image_size" in message


def test_a_missing_experiment_is_named(smoke):
    rewrite(smoke / "provenance.json", lambda content: content["config"]["experiments"].pop("sharpness"))
    assert fails_with(smoke).endswith("the configuration has no experiment 'sharpness'")


@pytest.mark.parametrize("file", ["claims.json", "provenance.json", "tables/sharpness.csv", "figures/sharpness.svg"])
def test_a_missing_file_is_named(smoke, file):
    (smoke / file).unlink()
    assert file in fails_with(smoke)


def test_a_mistake_in_the_sources_is_located(smoke):
    Path("paper/sections/methods.typ").write_text("#unknown-name")
    assert fails_with(smoke) == "paper/main.typ: unknown variable: unknown-name (paper/sections/methods.typ:1)"


def test_every_claim_that_the_sources_name_is_in_the_catalogue():
    ids = [claim.id for claim in load(ROOT / "claims.yaml")]
    named = {
        name
        for source in (ROOT / "paper").rglob("*.typ")
        for name in re.findall(r'"([A-E]\d-[^"]*)"', source.read_text(encoding="utf-8"))
    }
    assert named
    assert [name for name in sorted(named) if not any(one.startswith(name) for one in ids)] == []


def test_every_drawing_and_table_that_the_sources_name_is_a_figure_of_the_config():
    figures = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["figures"]
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "paper").rglob("*.typ"))
    named = set(re.findall(r'(?:plot|mean|values|distinct|geometric-mean|rows-of)\("([^"]+)"', text))
    assert named
    assert named <= set(figures)

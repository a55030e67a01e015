"""The real workflow at scale `smoke`, from the data sources to the PDF."""

import json
from pathlib import Path

import h5py
import pandas as pd
import pytest
from shipped import FIGURES

ROOT = Path(__file__).parents[2]


def test_everything_is_there_and_a_second_run_has_nothing_to_do(built):
    results = built.folder / "results" / "smoke"
    for paper in ("paper", "papers/A", "papers/B"):
        assert (results / f"{paper}.pdf").read_bytes().startswith(b"%PDF")
    for figure in FIGURES:
        assert (results / "figures" / f"{figure}.svg").stat().st_size > 1000
        assert (results / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert len(pd.read_csv(results / "tables" / f"{figure}.csv")) > 5
        assert isinstance(json.loads((results / "tables" / f"{figure}.json").read_text()), dict)
    again = built.snakemake()
    assert "Nothing to be done" in again.stdout + again.stderr


def test_claims_have_verdicts_and_numbers_that_fit_them(built):
    content = json.loads((built.folder / "results/smoke/claims.json").read_text())
    assert content["scale"] == "smoke"
    assert {claim["paper"] for claim in content["claims"]} == set(FIGURES.values())
    judged = [claim for claim in content["claims"] if claim["verdict"] in ("supported", "contradicted")]
    assert judged, "at smoke scale some claims are clear enough to be judged"
    for claim in judged:
        assert claim["low"] <= claim["effect"] <= claim["high"]
        assert claim["n"] >= 3


def test_no_temporary_file_is_left(built):
    left = [path for path in built.folder.rglob("*.tmp") if ".snakemake" not in path.parts]
    assert left == []


def test_every_job_has_a_log_and_a_benchmark(built):
    trained = list(built.folder.glob("results/smoke/*/*/trained.h5"))
    assert trained
    for path in trained:
        experiment, ensemble = path.parts[-3:-1]
        assert "trained in" in (built.folder / "logs/smoke" / experiment / ensemble / "train.log").read_text()
        assert (built.folder / "benchmarks/smoke" / experiment / ensemble / "train.tsv").read_text().startswith("s\t")


def test_results_carry_no_path_time_or_host(built):
    made = [path for path in built.folder.glob("results/smoke/*/*/*.h5") if path.parts[-3] != "noise"]
    assert made
    for path in made:
        content = path.read_bytes()
        assert str(built.folder).encode() not in content
        with h5py.File(path) as file:
            assert set(file.attrs) <= {"spec", "settings", "versions", "device"}


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("results/smoke/figures/nonsense.svg", "no figure 'nonsense' here; there are: capacity"),
        ("results/smoke/capacity/nonsense/trained.h5", "no ensemble 'nonsense' here; there are: mnist14-100"),
        ("results/huge/paper.pdf", "scale: 'huge' is not a scale; allowed: smoke, quick, paper"),
        ("data/imagenet.h5", "no data set 'imagenet'; there are: cifar10, fashion, mnist"),
        ("results/smoke/capacity/mnist14-100-mlp4x4-b32/curvature.h5", "no measure of experiment capacity"),
    ],
)
def test_a_target_that_no_experiment_makes_is_one_line(built, target, line):
    result = built.snakemake("--dry-run", target)
    assert result.returncode == 1
    errors = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert line in errors[0]
    assert "Traceback" not in result.stderr
    assert not list((built.folder / ".snakemake" / "locks").glob("*")), "a refused run leaves no lock"


def test_a_mistake_in_the_config_is_one_line_before_any_work(project):
    project.edit("papers/A/experiments.yaml", "    width: [8, 16, 32, 64, 128]\n", "    widht: [8, 16, 32, 64, 128]\n")
    result = project.snakemake(scale=None)
    assert result.returncode == 1
    line = "error: papers/A/experiments.yaml: experiments.capacity.widht: unknown key (did you mean width?)"
    assert [text.startswith(line) for text in result.stderr.splitlines() if "error" in text] == [True]
    assert "Traceback" not in result.stderr


def test_a_paper_without_one_of_its_figures_is_refused_before_any_work(project):
    config = project.folder / "config.yaml"
    config.write_text(config.read_text() + "figures: {regularizers: null}\n")
    result = project.snakemake("--dry-run")
    assert result.returncode == 1
    lines = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert len(lines) == 1
    assert "papers/A/section.typ shows figure 'regularizers', which the configuration does not make" in lines[0]
    assert project.snakemake("--dry-run", "figures").returncode == 0, "the other figures can still be had"

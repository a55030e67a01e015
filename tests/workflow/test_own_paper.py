"""The configuration through the real workflow: strict files, one over the other, and a paper of one's own."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, Project

from closerlook.publish.verification import copy_checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The sources alone: enough for what is refused, or planned, before any work."""
    project = Project(tmp_path_factory.mktemp("config") / "closer look")
    copy_checkout(ROOT, project.folder, data=None)
    return project


FILES = {
    "a key twice": (
        b"scale: smoke\npapers: [A, B]\nscale: quick\n",
        "config.yaml: line 3, column 1: key 'scale'",
    ),
    "Latin-1": ("papers: [A, B] # größer\n".encode("latin-1"), "config.yaml: line 1: is not UTF-8 text"),
    "UTF-16": ("papers: [A, B]\n".encode("utf-16"), "config.yaml: line 1: is not UTF-8 text"),
    "a tab": (b"data:\n\tseeds: 3\n", "config.yaml: line 2, column 1: a tab; indent by spaces"),
    "nothing": (b"", "config.yaml: papers: missing"),
    "no such data": (b"papers: [A, B]\ndata: {folder: none}\n", "config.yaml: data.folder: 'none': there is no such"),
    "a figure of nothing": (
        b"papers: [A, B]\nfigures: {sharpness: {experiments: [capacity]}}\n",
        "config.yaml: figures.sharpness.experiments: the figure shows the measure curvature, which capacity has not",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_mistake_in_the_configuration_is_one_line_before_any_work(checkout, case):
    content, expected = FILES[case]
    (checkout.folder / "config.yaml").write_bytes(content)
    result = checkout.snakemake("--dry-run", "figures", scale=None)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert expected in lines[0]
    assert "Traceback" not in result.stderr


def test_a_file_of_ones_own_is_laid_over_everything(project):
    mine = project.folder / "mine.yaml"
    mine.write_text("experiments: {sharpness: {seeds: 4}, sensitivity: null}\ndata: {timeout: 1e1}\n")
    jobs = project.would_run("figures", "--configfile", str(mine))
    assert {"experiment=sharpness" in job for job in jobs["train"]} == {True}
    assert "dataset" not in jobs, "how patiently data are fetched is no reason to fetch them again"
    mine.write_text("papers: [B]\n")
    assert project.would_run("figures", "--configfile", str(mine)) == {}, "B's figures are there, with A's experiments"


def test_a_new_paper_runs_at_once(project):
    """From the command to figure and verdict, in a folder outside the checkout."""
    folder = project.folder.parent / "my-paper"
    environment = os.environ | {"PYTHONPATH": str(project.folder)}
    command = [sys.executable, "-m", "closerlook", "new", str(folder)]
    subprocess.run(command, cwd=project.folder, env=environment, check=True, capture_output=True)
    mine = project.folder / "mine.yaml"
    mine.write_text(f"papers: [A, B, {json.dumps(str(folder))}]\n")
    result = project.snakemake("results/smoke/figures/my_paper.svg", "--configfile", str(mine))
    assert result.returncode == 0, result.stderr[-3000:]
    assert (project.folder / "results/smoke/figures/my_paper.svg").stat().st_size > 1000
    result = project.snakemake("results/smoke/claims.json", "--configfile", str(mine))
    assert result.returncode == 0, result.stderr[-3000:]
    claims = json.loads((project.folder / "results/smoke/claims.json").read_text())["claims"]
    (own,) = (claim for claim in claims if claim["paper"] == "my-paper")
    assert own["n"] == 3
    result = project.snakemake("results/smoke/papers/my-paper.pdf", "--configfile", str(mine))
    assert result.returncode == 0, result.stderr[-3000:]
    assert (project.folder / "results/smoke/papers/my-paper.pdf").read_bytes().startswith(b"%PDF")


def test_a_text_that_quotes_what_nobody_makes_is_refused_before_any_work(checkout):
    (checkout.folder / "config.yaml").write_text("papers: [A]\nfigures: {capacity: null}\n")
    section = checkout.folder / "papers/A/section.typ"
    result = checkout.snakemake("--dry-run")
    assert result.returncode == 1
    assert "error: papers/A/section.typ shows figure 'capacity', which the configuration does not make" in result.stderr
    (checkout.folder / "config.yaml").write_text("papers: [A]\n")
    text = section.read_text()
    wrong = {
        '#effect("A2-randY-mnis")': "quotes claim 'A2-randY-mnis', which no paper's claims.yaml has",
        '#setting(experiment("capacty"))': "quotes experiment 'capacty', which the configuration does not have",
        '#factor("A4-dropout")': "quotes the factor of claim 'A4-dropout', whose effect is no logarithm",
    }
    for quote, message in wrong.items():
        section.write_text(f"{text}{quote}\n")
        result = checkout.snakemake("--dry-run")
        assert f"error: papers/A/section.typ {message}" in result.stderr


def test_a_name_like_a_claims_is_no_claim(checkout):
    """A paper whose experiment and picture begin as its claims do: what is planned is told, and nothing is refused."""
    folder = checkout.folder / "papers" / "my-paper"
    command = [sys.executable, "-m", "closerlook", "new", "my-paper"]
    subprocess.run(command, cwd=checkout.folder, check=True, capture_output=True)
    for name in ("experiments.yaml", "section.typ"):
        text = (folder / name).read_text().replace("my-paper:", "my-other:").replace("[my-paper]", "[my-other]")
        (folder / name).write_text(text.replace('experiment("my-paper")', 'experiment("my-other")'))
    (folder / "my-photo.png").write_bytes(b"")
    section = folder / "section.typ"
    section.write_text(section.read_text() + '#image("my-photo.png")\n')
    (checkout.folder / "config.yaml").write_text("papers: [my-paper]\n")
    result = checkout.snakemake("--dry-run")
    assert result.returncode == 0, result.stderr[-3000:]

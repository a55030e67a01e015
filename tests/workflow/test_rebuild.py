"""What is rebuilt after a change: exactly what depends on it; and what a broken file between the steps leads to."""

import os
import re
import shutil

import h5py
import pytest
from conftest import ROOT, Project

ALWAYS = {"all", "manifest", "changed"}


def rules(jobs):
    return set(jobs) - ALWAYS


def written(path, change):
    """Make an edit of one file of a function of its text."""

    def edit(project):
        file = project.folder / path
        text = file.read_text()
        assert change(text) != text
        file.write_text(change(text))

    return edit


def added(path, line="X = 1"):
    return written(path, lambda text: f"{text}\n{line}\n")


def touched(project):
    for pattern in ("scripts/*.py", "data/*.h5", "results/smoke/*/*/trained.h5"):
        for file in project.folder.glob(pattern):
            os.utime(file)


def copied(project):
    copy = project.folder.with_name("copy")
    shutil.copytree(project.folder, copy)
    return Project(copy)


def cloned(project):
    copy = copied(project)
    shutil.rmtree(copy.folder / ".snakemake")
    return copy


def own(ours, mine):
    """Make an edit that takes a folder into use which has a copy of a thing of ours under another name."""

    def edit(project):
        source, copy = project.folder / "closerlook" / ours, project.folder / "mine" / mine
        (shutil.copytree if source.is_dir() else shutil.copy)(source, prepared(copy))
        written("config.yaml", lambda text: text.replace("own: []", "own: [mine]"))(project)

    return edit


def prepared(path):
    path.parent.mkdir(parents=True)
    return path


def one_training_deleted(project):
    (folder,) = project.folder.glob("results/smoke/sharpness/mnist*")
    (folder / "trained.h5").unlink()


EDITS = {
    "a comment or a docstring, of the trainer too": added("closerlook/training/trainer.py", "# said"),
    "the time stamps of scripts, data and results": touched,
    "delete Snakemake's records, `.snakemake/metadata`": lambda project: shutil.rmtree(
        project.folder / ".snakemake/metadata"
    ),
    "a copy of the checkout with its results": copied,
    "a copy without Snakemake's folder, `.snakemake`": cloned,
    "an own folder with a kind of noise that no experiment uses": own("data/noise/randY.py", "noise/reversed.py"),
    "an own folder with a measure that no experiment uses": own("measures/curvature", "measures/bending"),
    "more corrupted training sets, `data.seeds` from 10 to 12": written(
        "config.yaml", lambda text: text.replace("seeds: 10 #", "seeds: 12 #")
    ),
    "an option of one experiment, `evaluate_every` of `sharpness`": written(
        "config.yaml", lambda text: f"{text}\nexperiments: {{sharpness: {{evaluate_every: 3}}}}\n"
    ),
    "a measure's options": written(
        "config.yaml",
        lambda text: f"{text}\nexperiments: {{sharpness: {{measures: {{curvature: {{max_probes: 63}}}}}}}}\n",
    ),
    "a measure's code": added("closerlook/measures/curvature/run.py"),
    "a constant of a figure's module": added("papers/A/figures/capacity.py"),
    "the colour of a kind of noise": written(
        "closerlook/data/noise/randY.py", lambda text: text.replace("#D55E00", "#D55E01")
    ),
    "the trainer": added("closerlook/training/trainer.py"),
    "one network's code": added("closerlook/nets/alexnet/run.py"),
    "a paper's `claims.yaml`": added("papers/A/claims.yaml", "# edited"),
    "a paper's text, `section.typ`": added("papers/A/section.typ", "More."),
    "delete one `trained.h5`": one_training_deleted,
    "delete a figure": lambda project: (project.folder / "results/smoke/figures/capacity.svg").unlink(),
}
"""By the first column of the table in docs/how-it-works.md."""


def documented():
    """Return the rows of the table: what is changed -> the rules that run again."""
    section = (ROOT / "docs/how-it-works.md").read_text().split("## What reruns when")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)[1:]
    return {change: set(re.findall(r"`(\w+)`", runs)) for change, runs in rows}


def test_the_table_of_edits_has_a_row_for_each():
    assert set(documented()) == set(EDITS)


@pytest.mark.parametrize("change", EDITS)
def test_an_edit_runs_again_what_the_table_says(project, change):
    edited = EDITS[change](project)
    project = edited if isinstance(edited, Project) else project
    assert rules(project.would_run()) == documented()[change]


@pytest.mark.parametrize(
    "target", ["figures", "results/smoke/claims.json", "results/smoke/papers/A.pdf", "results/smoke/manifest.json"]
)
def test_nothing_runs_again_whichever_part_is_asked_for(built, target):
    assert built.would_run(target) == {}


def test_editing_a_figure_redraws_that_figure_and_the_paper(project):
    added("papers/A/figures/capacity.py")(project)
    jobs = project.would_run()
    assert jobs["figure"] == {"scale=smoke, figure=capacity"}
    assert rules(jobs) == {"figure", "claims", "paper", "one_paper"}, "claims are judged on the figure's table"


def test_changing_one_experiment_leaves_the_others_alone(project):
    before = "        checkpoints: {epochs: [60], losses: [0.1]}\n"
    project.edit("papers/A/experiments.yaml", before, before.replace("60", "59"))
    jobs = project.would_run()
    assert {"experiment=sharpness" in job for job in jobs["train"]} == {True}
    assert {"experiment=sharpness" in job for job in jobs["curvature"]} == {True}
    assert jobs["figure"] == {"scale=smoke, figure=sharpness"}
    assert "noise" not in jobs


def test_a_rebuilt_figure_is_the_same_to_the_byte(project):
    path = project.folder / "results/smoke/figures/capacity.svg"
    before = path.read_bytes()
    added("papers/A/figures/capacity.py")(project)
    result = project.snakemake("results/smoke/figures/capacity.svg")
    assert result.returncode == 0, result.stderr[-3000:]
    assert path.read_bytes() == before


def test_a_figure_that_cannot_be_drawn_leaves_the_one_before_and_is_due_again(project):
    made = ["figures/capacity.svg", "figures/capacity.pdf", "tables/capacity.csv", "tables/capacity.json"]
    before = {name: (project.folder / "results/smoke" / name).read_bytes() for name in made}
    added("papers/A/figures/capacity.py", "def draw(table): raise ValueError('no drawing today')")(project)
    result = project.snakemake("results/smoke/figures/capacity.svg")
    assert result.returncode == 1
    assert "error: no drawing today" in result.stderr
    assert {name: (project.folder / "results/smoke" / name).read_bytes() for name in made} == before
    assert rules(project.would_run()) == {"figure", "claims", "paper", "one_paper"}


def test_a_text_that_cannot_be_typeset_leaves_the_pdf_before_and_is_due_again(project):
    pdf = project.folder / "results/smoke/papers/A.pdf"
    before = pdf.read_bytes()
    added("papers/A/section.typ", '#panic("no text today")')(project)
    result = project.snakemake("results/smoke/papers/A.pdf")
    assert result.returncode == 1
    assert "error: A.pdf: no text today" in result.stderr.replace('"', "")
    assert pdf.read_bytes() == before
    assert rules(project.would_run()) == {"paper", "one_paper"}


def test_a_truncated_file_between_the_steps_is_one_line_and_nothing_half_written_stays(project):
    (folder,) = project.folder.glob("results/smoke/sharpness/mnist*")
    trained = folder / "trained.h5"
    content = trained.read_bytes()
    (folder / "curvature.h5").unlink()
    trained.write_bytes(content[: len(content) // 2])
    result = project.snakemake(str((folder / "curvature.h5").relative_to(project.folder)))
    assert result.returncode == 1
    assert "trained.h5: not a complete HDF5 file" in result.stderr
    assert [path.name for path in folder.iterdir() if path.name != ".made"] == ["trained.h5"]


def test_tampered_data_are_refused_by_name(project):
    with h5py.File(project.folder / "data" / "mnist.h5", "r+") as file:
        file["train/images"][0, 0, 0, 0] = 255
    (noise,) = project.folder.glob("results/smoke/noise/mnist14-100/none.h5")
    noise.unlink()
    result = project.snakemake(str(noise.relative_to(project.folder)))
    assert result.returncode == 1
    assert "data/mnist.h5: train/images is damaged" in result.stderr
    assert not noise.exists()

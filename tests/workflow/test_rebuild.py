"""What is rebuilt after a change: exactly what depends on it; and what a broken file between the steps leads to."""

import h5py

ALWAYS = {"all", "manifest"}


def rules(jobs):
    return set(jobs) - ALWAYS


def test_editing_a_figure_redraws_that_figure_and_the_paper(project):
    append(project, "figures/capacity.py")
    jobs = project.would_run()
    assert jobs["figure"] == {"scale=smoke, figure=capacity"}
    assert rules(jobs) == {"figure", "claims", "paper", "one_paper"}, "claims are judged on the figure's table"


def test_editing_the_trainer_retrains_and_fetches_nothing(project):
    append(project, "training/trainer.py")
    jobs = project.would_run()
    assert len(jobs["train"]) == len(list(project.folder.glob("results/smoke/*/*/trained.h5")))
    assert not {"dataset", "noise"} & rules(jobs)


def test_editing_the_curvature_measures_again_and_trains_nothing(project):
    append(project, "measures/curvature.py")
    jobs = project.would_run()
    assert rules(jobs) == {"curvature", "figure", "claims", "paper", "one_paper"}
    assert jobs["figure"] == {"scale=smoke, figure=sharpness"}


def test_editing_the_plan_or_the_claims_trains_nothing(project):
    append(project, "planning/plan.py")
    assert rules(project.would_run()) == set()
    append(project, "../papers/A/claims.yaml", "# edited\n")
    assert rules(project.would_run()) == {"claims", "paper", "one_paper"}


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
    append(project, "figures/capacity.py")
    result = project.snakemake("results/smoke/figures/capacity.svg")
    assert result.returncode == 0, result.stderr[-3000:]
    assert path.read_bytes() == before


def test_a_truncated_file_between_the_steps_is_one_line_and_nothing_half_written_stays(project):
    (folder,) = project.folder.glob("results/smoke/sharpness/mnist*")
    trained = folder / "trained.h5"
    content = trained.read_bytes()
    (folder / "curvature.h5").unlink()
    trained.write_bytes(content[: len(content) // 2])
    result = project.snakemake(str((folder / "curvature.h5").relative_to(project.folder)))
    assert result.returncode == 1
    assert "trained.h5: not a complete HDF5 file" in result.stderr
    assert [path.name for path in folder.iterdir()] == ["trained.h5"]


def test_tampered_data_are_refused_by_name(project):
    with h5py.File(project.folder / "data" / "mnist.h5", "r+") as file:
        file["train/images"][0, 0, 0, 0] = 255
    (noise,) = project.folder.glob("results/smoke/noise/mnist14-100/none.h5")
    noise.unlink()
    result = project.snakemake(str(noise.relative_to(project.folder)))
    assert result.returncode == 1
    assert "data/mnist.h5: train/images is damaged" in result.stderr
    assert not noise.exists()


def append(project, path, text="\n# edited\n"):
    file = project.folder / "closerlook" / path
    file.write_text(file.read_text() + text)

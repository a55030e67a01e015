"""Used as a module by another workflow: everything is found, made, and not made again, whatever it is called there."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT, parse_jobs

from closerlook.config.new import write_paper

IMPORTER = """
configfile: "config.yaml"
module closerlook:
    snakefile: {snakefile}
    config: config
    {prefix}
use rule * from closerlook as cl_*
rule all:
    default_target: True
    input: rules.cl_all.input
"""
EXPERIMENT = """
experiments:
  tiny:
    {dataset: mnist, image_size: 14, examples: 100, width: 16, noise: {none: [0], randY: [1]}, seeds: 2, epochs: 10,
     checkpoints: {epochs: [10]}, measures: {curvature: {}}}
figures:
  tiny: {experiments: [tiny]}
"""


def run(folder, *arguments):
    """Run Snakemake with the profile that docs/module.md names."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)]
    profile = ["--workflow-profile", str(ROOT / "profiles/default")]
    result = subprocess.run([*command, *profile], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result.stdout + result.stderr


def importer(folder, data, prefix=""):
    """Write another repository: a Snakefile, a configuration, and a small paper with targets."""
    folder.mkdir()
    entry = f"prefix: {json.dumps(prefix)}" if prefix else ""
    (folder / "Snakefile").write_text(IMPORTER.format(snakefile=json.dumps(str(ROOT / "Snakefile")), prefix=entry))
    (folder / "config.yaml").write_text("scale: smoke\npapers: [tiny]\n")
    write_paper(folder / "tiny")
    (folder / "tiny/experiments.yaml").write_text(EXPERIMENT)
    (folder / "tiny/targets").mkdir()
    (folder / "tiny/targets/tiny.csv").write_text("noise,epochs\nnone,10\n")
    (folder / prefix / "data").mkdir(parents=True)
    (folder / prefix / "data/mnist.h5").symlink_to(data)


@pytest.mark.parametrize("prefix", ["", "memorization/"])
def test_a_paper_is_made_and_not_made_again(built, tmp_path, prefix):
    folder = tmp_path / "another repository"
    importer(folder, built.folder / "data/mnist.h5", prefix)
    output = run(folder)
    assert "localrules" not in output
    assert "tiny/targets/tiny.csv" in output, "the original's values are an input of the figure"
    results = folder / prefix / "results/smoke"
    assert (results / "papers/tiny.pdf").read_bytes().startswith(b"%PDF")
    assert len(json.loads((results / "claims.json").read_text())["claims"]) == 1
    assert (results / "figures/tiny.svg").stat().st_size > 1000
    assert list(results.glob("tiny/*/curvature.h5"))
    assert "Nothing to be done" in run(folder, "--dry-run")
    experiments = folder / "tiny/experiments.yaml"
    experiments.write_text(experiments.read_text().replace("curvature: {}", "curvature: {max_probes: 63}"))
    jobs = parse_jobs(run(folder, "--dry-run"))
    assert "cl_curvature" in jobs
    assert not {"cl_dataset", "cl_noise", "cl_train"} & set(jobs)


def test_a_directory_elsewhere_is_where_the_results_go(built, tmp_path):
    importer(tmp_path / "importer", built.folder / "data/mnist.h5")
    elsewhere = tmp_path / "elsewhere"
    place = ["--snakefile", tmp_path / "importer/Snakefile", "--directory", elsewhere]
    elsewhere.mkdir()
    (elsewhere / "config.yaml").write_text(f"scale: smoke\npapers: [{json.dumps(str(tmp_path / 'importer/tiny'))}]\n")
    jobs = parse_jobs(run(tmp_path, *place, "--dry-run"))
    assert {"cl_dataset", "cl_train", "cl_curvature", "cl_figure", "cl_claims", "cl_one_paper"} <= set(jobs)


def test_the_catalog_s_snakefile_plans_the_same(tmp_path):
    plans = [
        parse_jobs(run(tmp_path, "-s", ROOT / snakefile, "--configfile", ROOT / "config/config.yaml", "--dry-run"))
        for snakefile in ("Snakefile", "workflow/Snakefile")
    ]
    assert plans[0] == plans[1]
    assert len(plans[0]["train"]) > 10

"""The workflow runs from folders with awkward names, and writes nothing beside its sources when run elsewhere."""

import os
import shutil
import subprocess
import sys

from closerlook.publish.verification import copy_checkout

AWKWARD = "clöser löok 日本 $(touch pwned); 'q' & \"r\""
FIGURE = "results/smoke/figures/regularizers.svg"


def snakemake(source, folder, *arguments):
    place = ["--snakefile", source / "Snakefile", "--directory", folder, "--configfile", source / "config.yaml"]
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", *place, "--config", "scale=smoke"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )


def listing(folder):
    return {str(path): path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_a_figure_is_built_elsewhere_from_sources_that_stay_untouched(built, tmp_path):
    source = tmp_path / f"source {AWKWARD}"
    copy_checkout(built.folder, source, data=None)
    folder = tmp_path / f"work {AWKWARD}"
    shutil.copytree(built.folder / "data", folder / "data")
    for path in [source, *source.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)  # root may write all the same: hence the listing
    before = listing(source)
    everything = snakemake(source, folder, "--dry-run")
    assert everything.returncode == 0, everything.stderr[-3000:]
    one = snakemake(source, folder, FIGURE)
    assert one.returncode == 0, one.stderr[-3000:]
    assert (folder / FIGURE).read_bytes() == (built.folder / FIGURE).read_bytes()
    assert listing(source) == before
    assert not list(tmp_path.rglob("pwned"))
    for path in [source, *source.rglob("*")]:
        path.chmod(0o755)


def test_a_data_folder_with_an_awkward_name_is_only_a_name(project):
    folder = project.folder / AWKWARD
    folder.mkdir()
    text = (project.folder / "config.yaml").read_text()
    quoted = "'" + str(folder).replace("'", "''") + "'"
    (project.folder / "config.yaml").write_text(text.replace("  folder: null #", f"  folder: {quoted} #"))
    (project.folder / "data/mnist.h5").unlink()
    result = project.snakemake("data/mnist.h5")
    assert result.returncode == 0, result.stderr[-3000:]
    assert "none of train-images-idx3-ubyte.gz" in (project.folder / "logs/dataset/mnist.log").read_text()
    assert not list(project.folder.parent.rglob("pwned"))

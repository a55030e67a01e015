"""The same inputs give the same bytes: another folder, time zone, hash seed and number of cores change nothing."""

import json
import os
import subprocess
import sys

from closerlook.publish.comparison import compare_bytes
from closerlook.publish.manifest import sha256
from closerlook.publish.verification import copy_checkout


def test_the_manifest_lists_every_result_with_its_sum(built):
    results = built.folder / "results" / "smoke"
    content = json.loads((results / "manifest.json").read_text())
    results_alone = (path for path in results.rglob("*") if path.is_file() and path.parent.name != ".made")
    made = {path.relative_to(results).as_posix(): sha256(path) for path in results_alone}
    del made["manifest.json"]
    assert content["files"] == made
    assert content["scale"] == "smoke"
    assert content["devices"]


def test_one_core_in_another_folder_gives_the_bytes_of_two_cores(built, tmp_path):
    folder = tmp_path / "a much longer path, with spaces" / "größer"
    copy_checkout(built.folder, folder, built.folder / "data")
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "scale=smoke"],
        cwd=folder,
        env=os.environ | {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "rule dataset" not in result.stderr + result.stdout, "the data sets were there"
    lines, same = compare_bytes(built.folder / "results", folder / "results")
    assert same, lines


def test_verify_says_which_run_failed(built, tmp_path):
    folder = tmp_path / "broken"
    copy_checkout(built.folder, folder, built.folder / "data")
    config = folder / "papers/A/experiments.yaml"
    config.write_text(config.read_text().replace("width:", "widht:", 1))
    result = subprocess.run(
        [sys.executable, "-m", "closerlook.publish.verification"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: the run with --cores 1 failed; see ")
    assert "widht" in (folder / "logs" / "verify-1.log").read_text()

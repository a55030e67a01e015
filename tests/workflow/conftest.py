"""The real workflow, in a copy of the project, with the data sets fetched once for all tests."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from closerlook.publish.verification import copy_checkout

ROOT = Path(__file__).parents[2]


@dataclass
class Project:
    """A copy of the project in a folder of its own."""

    folder: Path

    def snakemake(self, *arguments, scale="smoke"):
        """Run Snakemake in the copy; the Snakefile sees to it that the copy's own package is imported."""
        config = ["--config", f"scale={scale}"] if scale else []
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", *config],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def would_run(self, *arguments):
        """Return which jobs a dry run would do: rule -> set of what stands for the job (figure, experiment, ...)."""
        result = self.snakemake("--dry-run", *arguments)
        assert result.returncode == 0, result.stderr
        return parse_jobs(result.stdout + result.stderr)

    def edit(self, path, old, new):
        """Replace the one place where `old` stands in a file."""
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new))


def parse_jobs(text):
    """Return rule -> set of wildcard strings from Snakemake's listing of jobs."""
    jobs, rule = {}, None
    for line in text.splitlines():
        if line.lstrip().startswith(("rule ", "localrule ")):  # those of a group are indented
            rule = line.split()[1].rstrip(":")
            jobs.setdefault(rule, set())
        elif line.strip().startswith("wildcards:") and rule:
            jobs[rule].add(line.split("wildcards:")[1].strip())
    return jobs


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The project after `snakemake --cores 2 --config scale=smoke` from nothing: data fetched, paper written."""
    project = Project(tmp_path_factory.mktemp("workflow") / "closer look")
    copy_checkout(ROOT, project.folder, data=None)
    result = project.snakemake()
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project


@pytest.fixture
def project(built, tmp_path):
    """A copy of the built project, results, records and all, to be changed by one test."""
    folder = tmp_path / "project"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)

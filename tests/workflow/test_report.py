"""The report opens offline with everything in it; a failed job shows the one line that matters."""

import html
import json
import re
import zipfile
from collections import Counter

import h5py
import pytest
from shipped import FIGURES, config


@pytest.fixture(scope="module")
def archive(built):
    path = built.folder / "report.zip"
    result = built.snakemake("--report", "report.zip")
    assert result.returncode == 0, result.stderr[-3000:]
    with zipfile.ZipFile(path) as opened:
        yield opened
    path.unlink()


@pytest.fixture(scope="module")
def page(archive):
    return archive.read("report/report.html").decode()


def variable(page, name):
    """Return a variable of the page's script: Snakemake writes each as one JSON object."""
    start = re.search(rf"var {name} = (?=\{{\"|\{{\}})", page)
    assert start, f"the report has no {name}"
    return json.JSONDecoder().raw_decode(page, start.end())[0]


def test_the_report_holds_the_very_files_of_the_run(built, archive, page):
    results = variable(page, "results")
    wanted = {"results/smoke/paper.pdf", "results/smoke/claims.json"}
    wanted |= {f"results/smoke/figures/{figure}.svg" for figure in FIGURES}
    wanted |= {f"results/smoke/tables/{figure}.csv" for figure in FIGURES}
    assert wanted <= set(results)
    held = [archive.read(name) for name in archive.namelist() if name.startswith("report/data/raw/")]
    for path in wanted - {f"results/smoke/tables/{figure}.csv" for figure in FIGURES}:
        assert (built.folder / path).read_bytes() in held, path


def test_the_report_is_by_paper(page):
    categories = variable(page, "categories")
    figures = Counter(config("smoke").papers[paper].short for paper in FIGURES.values())
    assert set(categories) == {*figures, "All papers"}
    for paper, count in figures.items():
        assert {name: len(parts) for name, parts in categories[paper].items()} == {"Figures": count, "Tables": count}


def test_every_caption_is_filled(page):
    for path, result in variable(page, "results").items():
        caption = html.unescape(re.sub("<[^>]+>", "", result["caption"]))
        assert "smoke" in caption, path
        assert len(caption) > 60, path
        assert "{{" not in caption, path


def test_nothing_is_fetched_from_outside(page):
    tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page)
    assert tags
    outside = [tag for tag in tags if re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", tag)]
    assert outside == []
    assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", page)


def test_a_failed_job_shows_its_line_where_it_failed_and_at_the_very_end_and_no_traceback(project):
    with h5py.File(project.folder / "data" / "mnist.h5", "r+") as file:
        file["train/images"][0, 0, 0, 0] = 255
    (noise,) = project.folder.glob("results/smoke/noise/mnist14-100/none.h5")
    noise.unlink()
    result = project.snakemake(str(noise.relative_to(project.folder)))
    output = result.stdout + result.stderr
    assert result.returncode == 1
    lines = [line for line in output.splitlines() if "data/mnist.h5: train/images is damaged" in line]
    assert len(lines) == 2, output[-4000:]
    assert all(line.startswith("error: ") for line in lines), lines
    assert output.splitlines()[-1] == lines[-1]
    assert "Traceback" not in output

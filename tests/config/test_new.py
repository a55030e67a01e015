"""`closerlook new`: a folder that runs at once; anything else is one line."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from shipped import CONFIG, ROOT

from closerlook import things
from closerlook.__main__ import main
from closerlook.claims import load
from closerlook.claims.judging import judge
from closerlook.config.inert import require_useful
from closerlook.config.reading import SCALES, read_config
from closerlook.planning.plan import Plan


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a config.yaml and a folder of papers."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "config.yaml").write_text("papers: [A, B]\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    things.use([])


@pytest.mark.parametrize("name", ["my-paper", "Next_one2", "x-my_paper", "elsewhere/mine"])
@pytest.mark.parametrize("scale", SCALES)
def test_a_new_paper_is_planned_beside_ours_at_every_scale(here, capsys, name, scale):
    assert main(["new", name]) == 0
    wrote, run, keep = capsys.readouterr().out.splitlines()
    folder = here / wrote.split(":")[0]
    assert folder == here / ("" if "/" in name else "papers") / name
    assert run.endswith(f"papers={name}")
    assert f"papers: [A, B, {name}]" in keep
    config = read_config([CONFIG, {"papers": ["A", "B", name]}], scale, root=ROOT)
    require_useful(config)
    assert folder.name in config.experiments
    assert len(Plan(config).ensembles[folder.name]) == 1
    (claim,) = load(folder / "claims.yaml")
    assert (claim.paper, claim.figure) == (folder.name, folder.name.replace("-", "_"))


def test_nothing_of_the_templates_name_is_left(here):
    assert main(["new", "other"]) == 0
    for path in (here / "papers/other").rglob("*"):
        assert "my" not in path.name
        assert path.is_dir() or not {"my-paper", "my_paper"} & set(path.read_text(encoding="utf-8").split())


BAD = ["", ".", "..", "a/..", "a b", "9x", "class", "noise", "é", "x" * 65, "capacity", "a\n"]


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_a_name_that_cannot_be_a_papers_is_refused_and_nothing_is_written(here, capsys, name):
    assert main(["new", name]) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    assert "is no name for a paper" in line
    assert sorted(path.name for path in here.rglob("*")) == ["config.yaml", "papers"]


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.touch(), lambda path: path.symlink_to("x")]
)
def test_what_is_there_is_left_alone(here, capsys, make):
    make(here / "papers" / "mine")
    assert main(["new", "mine"]) == 1
    assert capsys.readouterr().err == "error: papers/mine: is there already; give the paper another name\n"
    assert [path.name for path in (here / "papers").iterdir()] == ["mine"]


def test_where_nothing_can_be_written_is_one_line(here, capsys):
    (here / "file").touch()
    assert main(["new", "file/mine"]) == 1
    assert capsys.readouterr().err.startswith("error: file/mine: cannot be written")


def test_the_figure_of_a_new_paper_shows_what_its_claim_is_judged_on(here):
    """In a process of its own: the figure is a module like ours there, as in a job."""
    assert main(["new", "mine"]) == 0
    cells = [("none", 0, 20), ("randY", 1, 50)]
    rows = pd.DataFrame(
        [
            {"dataset": "mnist", "image_size": 14, "examples": 100, "width": 32, "noise": noise, "level": level}
            | {"seed": seed, "epochs_to_fit": fit + seed, "epochs": 100, "diverged": False}
            for noise, level, fit in cells
            for seed in range(3)
        ]
    )
    rows.to_csv("mine.csv", index=False)
    program = (
        "import json, pandas as pd; from closerlook.figures.rendering import figure_modules;"
        "(module, _) = figure_modules('mine'); table = pd.read_csv('mine.csv', keep_default_na=False);"
        "assert list(table) == list(module.COLUMNS);"
        "drawing = module.draw(table); print(len(drawing.axes[0].lines), json.dumps(module.prose(table, None)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), things.FOLDERS: json.dumps([str(here / "papers/mine")])}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    lines, numbers = found.stdout.split(" ", 1)
    assert lines == "2"
    assert json.loads(numbers)["epochs"]["randY"] == pytest.approx((50 * 51 * 52) ** (1 / 3))
    things.use(["papers/mine"])
    judge("papers/mine/claims.yaml", {"mine": "mine.csv"}, "claims.json", "smoke")
    (claim,) = json.loads((here / "claims.json").read_text())["claims"]
    assert (claim["verdict"], claim["paper"]) == ("supported", "mine")

"""`closerlook plan`: the asked scale has to be possible, and the configuration is layered as Snakemake's."""

import pytest

from closerlook import things
from closerlook.__main__ import main

OWN = """
experiments:
  mine:
    {dataset: mnist, image_size: 14, examples: 100, width: 16, seeds: 3, epochs: 2, scales: {quick: {epochs: 0}}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory without papers, whose experiment is possible at scales smoke and paper alone."""
    (tmp_path / "config.yaml").write_text(f"papers: []\n{OWN}")
    (tmp_path / "mine.yaml").write_text("experiments: {mine: {seeds: 5}}")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    things.use([])


def networks(text):
    return int(next(line for line in text.splitlines() if line.startswith("mine ")).split()[2])


def test_only_the_asked_scale_has_to_be_possible(here, capsys):
    assert main(["plan", "smoke"]) == 0
    said = capsys.readouterr().out
    assert networks(said) == 3
    assert said.splitlines()[-1].startswith("Not held against results of scale quick: config.yaml: experiments.mine")
    assert main(["plan", "quick"]) == 1
    assert capsys.readouterr().err.startswith("error: config.yaml: experiments.mine.scales.quick.epochs")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["smoke", "--configfile", "mine.yaml"], 5),
        (["--configfile", "mine.yaml", "--config", "scale=smoke", "experiments={mine: {seeds: 7}}"], 7),
        (["smoke", "--config", "experiments={mine: {seeds: 7}}", "--configfile", "mine.yaml"], 7),
    ],
)
def test_files_lie_over_config_yaml_and_the_command_line_over_them(here, capsys, arguments, expected):
    assert main(["plan", *arguments]) == 0
    assert networks(capsys.readouterr().out) == expected


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["tiny"], "error: scale: 'tiny' is not a scale; allowed: smoke, quick, paper"),
        (["smoke", "--configfile", "none.yaml"], "error: none.yaml: no such file"),
        (["smoke", "--config", "seeds"], "error: --config: 'seeds' is not KEY=VALUE; allowed keys: scale, papers,"),
        (["smoke", "--config", "sede=3"], "error: --config: sede: unknown key; allowed: scale, papers,"),
        (["smoke", "--config", "data={seeds: ["], "error: --config: data: line "),
    ],
)
def test_a_mistake_is_one_line(here, capsys, arguments, line):
    assert main(["plan", *arguments]) == 1
    assert capsys.readouterr().err.startswith(line)


def test_what_is_not_known_is_refused_and_help_is_help(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plan", "smoke", "--confg", "x"])
    with pytest.raises(SystemExit, match="0"):
        main(["plan", "--help"])
    assert "--configfile" in capsys.readouterr().out

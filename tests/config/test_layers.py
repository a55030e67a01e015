"""Papers' folders, and what is laid over them: who wins, what null drops, and where a message says an option stands."""

from pathlib import Path

import pytest
from shipped import ROOT

from closerlook import things
from closerlook.config.inert import require_useful
from closerlook.config.layers import command_line
from closerlook.config.reading import ConfigError, read_config

EXPERIMENT = "{dataset: mnist, image_size: 14, examples: 100, width: 8, seeds: 2, batch_size: 10, epochs: 4}"
PAPERS = {
    "X": f"""\
experiments:
  plain: {EXPERIMENT}
  noisy:
    dataset: mnist
    examples: 100
    width: [8, 16]
    noise: {{none: [0], randY: [0.5, 1]}}
    seeds: 2
    epochs: 4
    scales: {{smoke: {{epochs: 2}}, paper: {{epochs: 1, batch_size: 200}}}}
figures:
  capacity: {{experiments: [plain, noisy]}}
""",
    "Y": "figures: {convergence: {experiments: [noisy]}}\n",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two papers, the second of which shows the first one's experiment."""
    for name, text in PAPERS.items():
        (tmp_path / "papers" / name).mkdir(parents=True)
        (tmp_path / "papers" / name / "experiments.yaml").write_text(text)
        (tmp_path / "papers" / name / "paper.yaml").write_text(f"title: Paper {name}\n")
    (tmp_path / "config.yaml").write_text("papers: [X, Y]\ndata: {seeds: 3}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(things.FOLDERS, "")
    yield tmp_path
    things.use([])


def read(*sources, scale="quick"):
    return read_config(["config.yaml", *sources], scale, root=Path.cwd())


def refusal(*sources, scale="quick"):
    with pytest.raises(ConfigError) as error:
        read(*sources, scale=scale)
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 500
    return line


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return path


def test_a_papers_folder_says_whose_its_experiments_are(project):
    config = read()
    assert {name: one.paper for name, one in config.experiments.items()} == {"plain": "X", "noisy": "X"}
    assert {name: one.paper for name, one in config.figures.items()} == {"capacity": "X", "convergence": "Y"}
    assert [(paper.short, paper.folder) for paper in config.papers.values()] == [
        ("Paper X", project / "papers" / "X"),
        ("Paper Y", project / "papers" / "Y"),
    ]
    assert things.own_folders() == tuple(paper.folder for paper in config.papers.values())


def test_a_later_file_wins_option_by_option_at_every_scale(project):
    mine = write("mine.yaml", "experiments: {noisy: {noise: {randY: [1]}, epochs: 3}}\n")
    config = read(mine, scale="smoke")
    noisy = config.experiments["noisy"]
    assert (noisy.noise["randY"], len(noisy.noise), noisy.epochs, list(noisy.width)) == ((1.0,), 1, 3, [8, 16])
    assert read(mine, {"experiments": {"noisy": {"epochs": 9}}}).experiments["noisy"].epochs == 9
    assert read({"experiments": {"noisy": {"scales": {"smoke": {"epochs": 5}}}}}).experiments["noisy"].epochs == 4


def test_null_drops_an_experiment_with_the_figures_of_nothing_else(project):
    config = read(write("mine.yaml", "experiments: {noisy: null}\n"))
    assert (list(config.experiments), list(config.figures)) == (["plain"], ["capacity"])
    assert list(config.figures["capacity"].experiments) == ["plain"]
    assert list(read({"figures": {"capacity": None}}).figures) == ["convergence"]


def test_null_of_what_nobody_has_is_a_slip(project):
    expected = "config: experiments.noisey: null drops what a paper has, but none has it (did you mean noisy?)"
    assert refusal({"experiments": {"noisey": None}}) == expected


def test_what_is_dropped_may_be_written_anew(project):
    whole = {"dataset": "mnist", "examples": 50, "width": 4, "seeds": 1, "epochs": 1}
    config = read({"experiments": {"noisy": None}}, {"experiments": {"noisy": whole}})
    assert config.experiments["noisy"].examples == (50,)
    assert "convergence" in config.figures


def test_a_paper_can_be_had_without_the_one_whose_experiment_it_shows(project):
    config = read({"papers": ["Y"]})
    assert (list(config.experiments), list(config.figures)) == (["noisy"], ["convergence"])
    assert config.experiments["noisy"].paper == "X"
    assert list(config.papers) == ["Y"]


def test_only_the_scale_that_is_asked_for_has_to_be_possible(project):
    assert read().experiments["noisy"].epochs == 4
    expected = "papers/X/experiments.yaml: experiments.noisy.scales.paper.batch_size: 200 is more than the 100 examples"
    assert refusal(scale="paper") == expected
    assert refusal({"data": {"scales": {"huge": {}}}}).startswith("config: data.scales.huge: not a scale")


@pytest.mark.parametrize("name", ["papers/X", "elsewhere/mine", "../outside"])
def test_a_papers_folder_may_lie_anywhere(project, name):
    folder = project / name
    write(folder / "paper.yaml", "title: Mine\nshort: M\nauthors: [I, You]\ncitation: none\n")
    (paper,) = read({"papers": name}).papers.values()
    assert paper.folder == folder.resolve()
    assert paper.name == folder.name


@pytest.mark.parametrize("place", ["a:b", "a;b c", "quoted \"'", "größer 日本", "$(touch x)", "line\nbreak", "{scale}"])
def test_a_path_to_a_paper_may_hold_any_sign(project, place):
    write(project / place / "mine" / "paper.yaml", "title: Mine\n")
    config = read({"papers": [f"{place}/mine"]})
    assert things.own_folders() == (project / place / "mine",)
    assert list(config.papers) == ["mine"]


def test_folders_are_found_from_the_file_that_names_them(project, monkeypatch):
    write("their/mine/paper.yaml", "title: Mine\n")
    write("their/things/noise/shuffled.py", "")
    write("their/config.yaml", "papers: [mine]\nown: [things]\ndata: {folder: official}\n")
    (project / "their/official").mkdir()
    config = read_config("their/config.yaml", root=project)
    assert list(config.papers) == ["mine"]
    assert config.own == ((project / "their/things").resolve(),)
    assert config.data_folder().is_dir()
    require_useful(config)


def test_an_own_folder_of_the_home_is_found(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project / "home"))
    write("home/things/nets/mine/__init__.py", "")
    assert read({"own": ["~/things"]}).own == (project / "home/things",)


REFUSALS = {
    "no such paper": ({"papers": ["Z"]}, "config: papers: no folder 'Z'; looked in "),
    "a file for a paper": ({"papers": ["config.yaml"]}, "config: papers: config.yaml is a file, not a folder"),
    "a folder that is no paper": ({"papers": ["papers"]}, "papers holds no paper.yaml"),
    "a paper twice": ({"papers": ["X", "X"]}, "config: papers: X stands twice"),
    "two of one name": ({"papers": ["X", "other/X"]}, "config: papers: two are called X; rename one of the folders"),
    "papers as a mapping": ({"papers": {"X": None}}, "config: papers: must be a list of folders, not {'X': None}"),
    "a number for a paper": ({"papers": [5]}, "config: papers: 5 is not the name of a folder"),
    "an own folder without rooms": ({"own": ["papers"]}, "config: own: papers holds nothing to use; it needs one of"),
    "no such own folder": ({"own": ["things"]}, "config: own: no folder 'things'; looked in"),
    "an experiment of no paper": ({"experiments": {"plain": {"paper": "Y"}}}, "paper: leave it out; the folder says"),
    "an unknown key": ({"paper": ["X"]}, "config: paper: unknown key (did you mean papers?)"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_folders_that_cannot_be_used_are_refused(project, case):
    write("other/X/paper.yaml", "title: Another X\n")
    change, expected = REFUSALS[case]
    assert expected in refusal(change)


PAPER_FILES = {
    "no title": ("short: X\n", "paper.yaml: title: missing"),
    "an unknown key": ("title: X\ncite: y\n", "paper.yaml: cite: unknown key (did you mean title?)"),
    "an author": ("title: X\nauthors: I\n", "paper.yaml: authors: must be a list of names"),
    "no text": ("title: 5\n", "paper.yaml: title: must be text"),
    "a list": ("- title\n", "paper.yaml: must be a mapping of title, short, authors, citation"),
    "a title twice": (
        "title: X\ntitle: Y\n",
        "paper.yaml: line 2, column 1: key 'title' stands twice",
    ),
}


@pytest.mark.parametrize("case", PAPER_FILES)
def test_a_paper_file_is_checked(project, case):
    text, expected = PAPER_FILES[case]
    write("papers/X/paper.yaml", text)
    assert expected in refusal()


def test_two_papers_cannot_have_one_name_for_two_things(project):
    write("papers/Y/experiments.yaml", f"experiments: {{plain: {EXPERIMENT}}}\n")
    expected = (
        "papers/Y/experiments.yaml: experiments.plain: papers/X/experiments.yaml has one of this name already; "
        "give it another"
    )
    assert refusal() == expected


def test_a_papers_file_has_no_other_sections(project):
    write("papers/Y/experiments.yaml", "data: {seeds: 3}\n")
    assert refusal().startswith("papers/Y/experiments.yaml: data: unknown key")


def test_a_message_names_the_file_that_said_it_last(project):
    write("mine.yaml", "experiments: {noisy: {width: 0}}\n")
    assert refusal("mine.yaml").startswith("mine.yaml: experiments.noisy.width.0: 0: input should be greater")
    line = refusal("mine.yaml", command_line({"experiments": {"noisy": {"width": ["8"], "seeds": "9"}}}))
    assert line == "--config: experiments.noisy.seeds: 9 is more than data.seeds, 3, at scale quick"


INERT = {
    "a stage after the end": ({"learning_rate_schedule": {"stages": {4: 0.1}}}, "the stage at epoch 4 (from 0) never"),
    "a stage after the period": ({"batch_size_schedule": {"stages": {3: 2.0}, "period": 2}}, "the stage at epoch 3"),
    "a period after the end": ({"learning_rate_schedule": {"stages": {1: 0.1}, "period": 4}}, "period 4 never ends"),
    "evaluations after the end": ({"evaluate_every": 5}, "evaluate_every: 5 is beyond the last epoch, 4"),
    "an end after the end": ({"after_fit": 4}, "after_fit: 4 ends no training of 4 epochs early"),
}


@pytest.mark.parametrize("case", INERT)
def test_what_cannot_act_is_refused(project, case):
    change, expected = INERT[case]
    assert expected in refusal({"experiments": {"plain": change}})


def test_the_last_moment_that_acts_is_taken(project):
    latest = {"learning_rate_schedule": {"stages": {3: 0.1}}, "evaluate_every": 4, "after_fit": 3}
    assert read({"experiments": {"plain": latest}}).experiments["plain"].after_fit == 3


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"data": {"folder": "none"}}, "config: data.folder: 'none': there is no such folder"),
        ({"data": {"folder": "config.yaml"}}, "config: data.folder: 'config.yaml': is a file, not a folder"),
        (
            {"figures": {"capcity": {"experiments": ["plain"]}}},
            "config: figures.capcity: no figure 'capcity'; there are: capacity, convergence, sharpness",
        ),
        (
            {"figures": {"sharpness": {"experiments": ["plain"]}}},
            "config: figures.sharpness.experiments: the figure shows the measure curvature, which plain has not; "
            "give it one (papers/X/experiments.yaml: experiments.plain.measures), or leave the experiment out",
        ),
    ],
)
def test_what_would_fail_after_the_training_is_refused_before(project, change, expected):
    for paper, figure, measures in (
        ("X", "capacity", ()),
        ("Y", "convergence", ()),
        ("X", "sharpness", ("curvature",)),
    ):
        (project / "papers" / paper / "figures").mkdir(exist_ok=True)
        write(f"papers/{paper}/figures/{figure}.py", f"MEASURES = {measures}\n")
    with pytest.raises(ConfigError) as error:
        require_useful(read(change))
    assert expected in str(error.value)


@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_the_shipped_papers_ask_for_nothing_useless(scale):
    require_useful(read_config(ROOT / "config.yaml", scale))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("epochs: 1:30", "epochs: '1:30': input should be a valid integer"),
        ("epochs: '010'", "epochs: '010': input should be a valid integer"),
        ("epochs: 010", "line 1, column 31: 010 is octal to some readers"),
        ("epochs: yes", "epochs: 'yes': input should be a valid integer"),
        ("same_examples: yes", "same_examples: 'yes': input should be a valid boolean"),
        ("learning_rate: 1_0", "learning_rate.0: '1_0': input should be a valid number"),
    ],
)
def test_what_could_be_read_in_two_ways_is_no_value(project, written, expected):
    assert expected in refusal(write("mine.yaml", f"experiments: {{plain: {{{written}}}}}\n"))

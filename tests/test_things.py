"""Rooms list themselves, and what lies in a folder of the user's counts as ours."""

import subprocess
import sys

import pytest

from closerlook import things
from closerlook.data.noise import NOISES
from closerlook.measures import MEASURES
from closerlook.nets import NETS
from closerlook.things import ROOMS, ThingError, constant, find_module, room

NOISE = """from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(words="shuffled pixels", replaces="inputs", look=Look("#888833", "P"))
"""


@pytest.fixture
def own(tmp_path):
    """Return a function that writes a file of an own folder, which is in use."""
    before = things.own_folders()
    folder = tmp_path / "own: a folder's things"

    def write(name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        things.use([*before, folder])
        return path

    yield write
    things.use(before)


def forget(name):
    sys.modules.pop(name, None)


def test_a_room_lists_its_things_and_not_what_they_share():
    assert {"mlp", "alexnet"} <= set(NETS.names())
    assert not {"network", "architecture", "normalization"} & set(NETS.names())
    assert NOISES.names()[0] == "none", "real data comes first"


@pytest.mark.parametrize("name", [name for name in ROOMS if name != "claims.tests"])
def test_every_room_is_a_package_of_that_name(name):
    assert room(name).package == f"closerlook.{name}"


def test_a_thing_of_an_own_folder_is_found_by_its_dotted_name(own):
    path = own("noise/shuffled.py", NOISE)
    try:
        assert "shuffled" in NOISES.names()
        assert NOISES["shuffled"].words == "shuffled pixels"
        assert find_module("closerlook.data.noise.shuffled") == path.resolve()
        assert NOISES.modules("shuffled") == ("closerlook.data.noise.shuffled",)
    finally:
        forget("closerlook.data.noise.shuffled")


def test_a_folder_no_longer_in_use_has_no_things(own):
    own("noise/shuffled.py", NOISE)
    things.use([])
    assert "shuffled" not in NOISES
    with pytest.raises(ThingError, match=r"no kind of noise 'shuffled'; there are: none, randX"):
        NOISES["shuffled"]


def test_a_file_whose_name_is_none_of_python_is_spoken_of_when_it_is_asked_for(own):
    path = own("noise/my-noise.py", NOISE)
    own("noise/2nd.set/__init__.py", NOISE)
    assert not {"my-noise", "my_noise"} & set(NOISES.names())
    for name in ("my-noise", "my_noise"):
        with pytest.raises(
            ThingError, match=f"no kind of noise '{name}' .{path.resolve()} is there, .* my_noise.py.; the"
        ):
            NOISES[name]
    with pytest.raises(ThingError, match=r"2nd\.set is there, but that is no Python name: call it my_2nd_set\)"):
        NOISES["2nd.set"]
    with pytest.raises(ThingError, match=r"no kind of noise 'other'; there are: none,"):
        NOISES["other"]


def test_other_processes_find_the_same_things(own):
    own("noise/shuffled.py", NOISE)
    program = "from closerlook.data.noise import NOISES; print(NOISES['shuffled'].words)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "shuffled pixels\n"


def test_the_name_of_a_thing_of_ours_is_taken(own):
    own("noise/randX.py", NOISE)
    with pytest.raises(ThingError, match=r"own: a folder's things/noise/randX\.py: there is a kind of noise 'randX'"):
        NOISES.path("randX")
    assert NOISES["randY"].words == "random labels", "the others are none the worse"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("noise = Noise(", r"broken\.py: cannot be used, line 1 \(SyntaxError: .*\)"),
        ("import nothing_of_that_name", r"broken\.py: cannot be used \(ModuleNotFoundError: No module named"),
        ("1 / 0", r"broken\.py: cannot be used \(ZeroDivisionError"),
        ("words = 'broken'", r"broken\.py: a kind of noise needs `noise = \.\.\.`, which is not there"),
    ],
)
def test_a_thing_that_cannot_be_used_is_named_and_stops_nothing_else(own, text, problem):
    own("noise/broken.py", text)
    assert "broken" in NOISES
    assert NOISES["randX"].replaces == "inputs"
    try:
        with pytest.raises(ThingError, match=problem):
            NOISES["broken"]
    finally:
        forget("closerlook.data.noise.broken")


def test_light_and_heavy_side_of_a_folder():
    assert MEASURES.modules("curvature") == ("closerlook.measures.curvature", "closerlook.measures.curvature.run")
    assert MEASURES.run("curvature").__name__ == "closerlook.measures.curvature.run"


def test_a_summary_is_read_without_importing(own):
    own("noise/broken.py", '"""Noise of a kind\nthat cannot be had.\n\nMore of it."""\nimport nothing_of_that_name\n')
    assert NOISES.summary("broken") == "Noise of a kind that cannot be had."


FIGURE = """import nothing_of_that_name
from closerlook.tables.rows import CURVATURE

WHO = ("seed", *CURVATURE)
COLUMNS = (*WHO, "level", *{"a": 1, "b": 2})
WORDS = {"a": "one", "b": "two"}
NAMES = (*WORDS.keys(), *WORDS.values())
MADE = max(1, 2)
"""


def test_constants_are_read_without_importing(own):
    own("figures/mine.py", FIGURE)
    name = "closerlook.figures.mine"
    assert constant(name, "COLUMNS")[:2] == ("seed", "largest_eigenvalue")
    assert constant(name, "COLUMNS")[-3:] == ("level", "a", "b")
    assert constant(name, "NAMES") == ("a", "b", "one", "two")
    with pytest.raises(ThingError, match=r"mine\.py: MADE must be a literal"):
        constant(name, "MADE")
    with pytest.raises(ThingError, match=r"mine\.py: needs NOTHING"):
        constant(name, "NOTHING")
    with pytest.raises(ThingError, match=r"closerlook\.figures\.nobodys: no such module"):
        constant("closerlook.figures.nobodys", "COLUMNS")

"""Kinds of noise of one's own: found in a folder, drawn for every seed, refused in one line where they are wrong."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from closerlook import things
from closerlook.data.corruption import corrupted_count, write_noise
from closerlook.data.images import read_training_split
from closerlook.data.loading import load_training_data
from closerlook.data.noise import NOISES
from closerlook.data.sets import DataError
from closerlook.spec import REAL, Ensemble, Member

HEAD = """
from closerlook.data.noise import Noise
from closerlook.things import Look

noise = Noise(words="own words", replaces={replaces!r}, look=Look("#888833", "P"))
"""
SHUFFLED = "def draw(rng, inputs, labels, statistics): return inputs[:, rng.permutation(inputs.shape[1])]"


@pytest.fixture
def own(tmp_path):
    """Write a noise into a folder of one's own, and take the folder into use."""

    def write(body, replaces="inputs", name="own"):
        path = tmp_path / "mine" / "noise" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.format(replaces=replaces) + body)
        things.use([tmp_path / "mine"])
        return path

    yield write
    things.use([])
    for name in [name for name in sys.modules if name.startswith("closerlook.data.noise.own")]:
        del sys.modules[name]


def drawn(data, path, examples=60, seeds=2, name="own"):
    write_noise(data, path, noise=name, image_size=2, examples=examples, seeds=seeds)
    with h5py.File(path) as file:
        return [{key: values[:] for key, values in file[f"seed-{seed}"].items()} for seed in range(seeds)]


def clean(data, index):
    images = read_training_split(data).images[index].astype(float) / 255
    return images.reshape(len(index), 2, 2, 2, 2, 2).mean(axis=(3, 5))


def test_shuffled_pixels_are_those_of_the_examples_in_one_order(own, small_data, tmp_path):
    own(SHUFFLED)
    one, other = drawn(small_data, tmp_path / "n.h5")
    orders = []
    for seed in (one, other):
        real, shuffled = (values.reshape(60, 8) for values in (clean(small_data, seed["index"]), seed["noise_inputs"]))
        orders.append([int(np.abs(real - column[:, None]).max(axis=0).argmin()) for column in shuffled.T])
        np.testing.assert_allclose(shuffled, real[:, orders[-1]], atol=1e-6)
    assert orders[0] != orders[1]


def test_rotated_images_come_back_in_their_own_shape(own, small_data, tmp_path):
    own(
        "def draw(rng, inputs, labels, statistics):\n"
        "    return inputs.reshape(-1, *statistics.shape)[..., ::-1].swapaxes(2, 3)"
    )
    seed, _ = drawn(small_data, tmp_path / "n.h5")
    np.testing.assert_allclose(seed["noise_inputs"], np.rot90(clean(small_data, seed["index"]), 1, (2, 3)), atol=1e-6)


def test_neighbouring_labels_are_trained_on(own, small_data, tmp_path):
    own("def draw(rng, inputs, labels, statistics): return (labels + 1) % statistics.classes", "labels")
    drawn(small_data, tmp_path / "own.h5")
    member = Member(noise="own", level=0.4)
    spec = Ensemble(
        dataset="small",
        image_size=2,
        examples=60,
        validation_examples=10,
        widths=(4,),
        batch_size=10,
        epochs=1,
        members=(member,),
    )
    data = load_training_data(spec, small_data, {"own": tmp_path / "own.h5"})
    with h5py.File(tmp_path / "own.h5") as file:
        true = file["seed-0/true_labels"][:].astype(int)
    assert data.is_noise.sum() == corrupted_count(0.4, 60)
    np.testing.assert_array_equal(data.labels[0], np.where(data.is_noise[0], (true + 1) % 10, true))


@pytest.mark.parametrize(
    ("body", "replaces", "reason"),
    [
        ("", "inputs", "needs a function draw"),
        ("def draw(*_): return 1 / 0", "inputs", "draw fails .ZeroDivisionError"),
        ("def draw(rng, inputs, *_): return inputs[:, :3]", "inputs", r"float32 of shape \(60, 3\), not 60 inputs"),
        ("def draw(rng, inputs, *_): return inputs.T", "inputs", r"float32 of shape \(8, 60\), not 60 inputs"),
        ("def draw(rng, inputs, *_): return inputs + float('nan')", "inputs", "not finite"),
        ("def draw(rng, inputs, *_): return None", "inputs", "draw gave object"),
        ("def draw(rng, inputs, labels, _): return labels / 2", "labels", "not 60 whole numbers"),
        ("def draw(rng, inputs, labels, _): return labels + 1", "labels", "not from 0 to 9"),
    ],
    ids=["no draw", "error", "too few", "turned", "nan", "nothing", "fractions", "no class"],
)
def test_a_draw_that_is_wrong_is_named_with_its_file(own, small_data, tmp_path, body, replaces, reason):
    path = own(body, replaces)
    with pytest.raises(DataError, match=reason) as error:
        drawn(small_data, tmp_path / "n.h5")
    assert str(error.value).startswith(f"{path}: ")
    assert not (tmp_path / "n.h5").exists()


def test_real_data_come_first_and_own_kinds_in_order(own):
    own(SHUFFLED, name="blurred")
    assert NOISES.names() == (REAL, "blurred", "randX", "randXg", "randXu", "randY")


def test_every_kind_is_told_apart_by_colour_marker_and_words():
    kinds = [NOISES[name] for name in NOISES.names()]
    for each in ([kind.look.colour for kind in kinds], [kind.look.marker for kind in kinds], [k.words for k in kinds]):
        assert len(set(each)) == len(kinds)


def test_the_light_sides_of_data_sets_and_noises_import_no_numpy():
    code = (
        "import sys\n"
        "from closerlook.data.noise import NOISES\n"
        "from closerlook.data.sets import SETS\n"
        "things = [room[name] for room in (NOISES, SETS) for name in room.names()]\n"
        "assert len(things) >= 8 and 'numpy' not in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

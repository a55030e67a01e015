import dataclasses
import json

import h5py
import numpy as np
import pytest

from closerlook.data.corruption import validation_index, write_noise
from closerlook.data.images import read_training_split
from closerlook.data.loading import load_training_data
from closerlook.data.noise import NOISES
from closerlook.data.sets import DataError
from closerlook.spec import Ensemble, Member
from closerlook.store import StoreError

SIZE = {"image_size": 2, "examples": 50}


@pytest.fixture(scope="module")
def noise(small_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    paths = {kind: folder / f"{kind}.h5" for kind in NOISES.names()}
    for kind, path in paths.items():
        write_noise(small_data, path, noise=kind, seeds=2, **SIZE)
    return paths


def ensemble(*members, **changes):
    shared = {"dataset": "small", "network": "mlp", "widths": (4,), "batch_size": 5, "epochs": 1, **SIZE}
    shared["validation_examples"] = 30
    return Ensemble(**shared | changes, members=members)


ALL = ensemble(
    *(
        Member(seed=seed, noise=kind, level=level)
        for seed in (1, 0)
        for kind in ("randY", "none", "randXg", "randX")
        for level in (0.0, 0.25, 0.6)
        if kind != "none" or level == 0
    )
)


def test_same_examples_gives_every_member_the_training_set_of_seed_0(small_data, noise):
    members = [Member(seed=seed, noise=kind, level=1.0) for kind in ("randX", "randY") for seed in (0, 7)]
    data = load_training_data(ensemble(*members, same_examples=True), small_data, noise)
    alone = load_training_data(ensemble(members[0], members[2]), small_data, noise)
    for number, own in enumerate((0, 0, 1, 1)):
        np.testing.assert_array_equal(data.pool[data.rows[number]], alone.pool[alone.rows[own]])
        np.testing.assert_array_equal(data.labels[number], alone.labels[own])


def test_own_class_numbers_the_examples_and_validates_nothing(small_data, noise):
    data = load_training_data(ensemble(Member(), Member(noise="randX", level=1.0), own_class=True), small_data, noise)
    np.testing.assert_array_equal(data.labels, [range(50), range(50)])
    assert data.classes == 50
    assert len(data.validation_inputs) == len(data.validation_labels) == 0
    assert data.validation_rows.shape == (2, 0)


def clean_inputs(split, index, mean, std):
    """Average pooling by 2, scaling and standardising, all in float64: the oracle."""
    images = split.images[index].astype(np.float64) / 255
    pooled = images.reshape(len(index), 2, 2, 2, 2, 2).mean(axis=(3, 5))
    return (pooled - mean) / std


def test_every_member_gets_its_own_examples_noise_and_labels(small_data, noise):
    data, split = load_training_data(ALL, small_data, noise), read_training_split(small_data)
    training = clean_inputs(split, np.arange(split.training), 0.0, 1.0)
    mean, std = training.mean(), training.std()
    for number, member in enumerate(ALL.members):
        with h5py.File(noise[member.noise]) as file:
            content = {name: values[:] for name, values in file[f"seed-{member.seed}"].items()}
        corrupted = content["rank"] < {0.0: 0, 0.25: 13, 0.6: 30}[member.level]  # 12.5 is rounded up
        inputs, labels = clean_inputs(split, content["index"], mean, std), split.labels[content["index"]]
        if "noise_inputs" in content:
            inputs[corrupted] = (content["noise_inputs"][corrupted] - mean) / std
        if "noise_labels" in content:
            labels = np.where(corrupted, content["noise_labels"], labels)
        np.testing.assert_array_equal(data.is_noise[number], corrupted)
        np.testing.assert_array_equal(data.labels[number], labels)
        np.testing.assert_allclose(data.pool[data.rows[number]], inputs, atol=2e-5)
    assert data.pixel == pytest.approx(1 / std, rel=1e-12)
    assert data.classes == 10


def test_types_and_shapes(small_data, noise):
    data = load_training_data(ALL, small_data, noise)
    found = {
        field.name: (value.dtype.name, value.shape)
        for field in dataclasses.fields(data)
        if isinstance(value := getattr(data, field.name), np.ndarray) and field.name != "pool"
    }
    members, images = len(ALL.members), np.unique(data.validation_rows)
    assert found == {
        "rows": ("int64", (members, 50)),
        "labels": ("int64", (members, 50)),
        "is_noise": ("bool", (members, 50)),
        "validation_inputs": ("float32", (len(images), 2, 2, 2)),
        "validation_labels": ("int64", (len(images),)),
        "validation_rows": ("int64", (members, 30)),
    }
    assert (data.pool.dtype, data.pool.shape[1:]) == (np.float32, (2, 2, 2))


def test_level_zero_of_every_noise_is_the_clean_set(small_data, noise):
    spec = ensemble(*(Member(seed=1, noise=kind) for kind in NOISES.names()))
    data = load_training_data(spec, small_data, noise)
    assert not data.is_noise.any()
    assert (data.rows == data.rows[0]).all()
    assert (data.labels == data.labels[0]).all()
    assert len(data.pool) == 50  # and no noise input is loaded


def test_pool_holds_every_input_once_and_no_other(small_data, noise):
    data = load_training_data(ALL, small_data, noise)
    with h5py.File(noise["none"]) as file:
        clean = np.union1d(file["seed-0/index"][:], file["seed-1/index"][:])
    assert len(data.pool) == len(clean) + 2 * 2 * 30  # the union, and two kinds and seeds of noise at level 0.6
    np.testing.assert_array_equal(np.unique(data.rows), np.arange(len(data.pool)))


def test_inputs_do_not_depend_on_the_other_members(small_data, noise):
    together = load_training_data(ALL, small_data, noise)
    for number in (0, 5, 9):
        alone = load_training_data(ensemble(ALL.members[number]), small_data, noise)
        np.testing.assert_array_equal(alone.pool[alone.rows[0]], together.pool[together.rows[number]])
        np.testing.assert_array_equal(alone.labels[0], together.labels[number])


def test_whole_training_part_in_chunks(small_data, tmp_path, monkeypatch):
    # Larger than a chunk, so that a mistake at its edge would show.
    monkeypatch.setattr("closerlook.data.loading._CHUNK", 700)
    monkeypatch.setattr("closerlook.data.images._CHUNK", 700)
    write_noise(small_data, tmp_path / "x.h5", image_size=4, examples=2400, noise="randX", seeds=1)
    spec = ensemble(Member(noise="randX", level=0.5), image_size=4, examples=2400, validation_examples=300)
    data = load_training_data(spec, small_data, {"randX": tmp_path / "x.h5"})
    with h5py.File(tmp_path / "x.h5") as file:
        preprocessing, inputs = json.loads(file.attrs["preprocessing"]), file["seed-0/noise_inputs"][:]
    expected = read_training_split(small_data).images[:2400] / 255
    expected[data.is_noise[0]] = inputs[data.is_noise[0]]
    expected = (expected - preprocessing["mean"]) / preprocessing["std"]
    np.testing.assert_allclose(data.pool[data.rows[0]], expected, atol=2e-5)


def test_validation_is_clean_and_standardised_like_training(small_data, noise):
    data, split = load_training_data(ALL, small_data, noise), read_training_split(small_data)
    with h5py.File(noise["randY"]) as file:
        preprocessing = json.loads(file.attrs["preprocessing"])
    for number, member in enumerate(ALL.members):
        index, rows = validation_index(split, 30, member.seed), data.validation_rows[number]
        expected = clean_inputs(split, index, preprocessing["mean"], preprocessing["std"])
        np.testing.assert_allclose(data.validation_inputs[rows], expected, atol=1e-5)
        np.testing.assert_array_equal(data.validation_labels[rows], split.labels[index])


def test_more_validation_examples_are_those_there_were_and_others(small_data, noise):
    few, many = (load_training_data(ensemble(*ALL.members, validation_examples=n), small_data, noise) for n in (30, 90))
    for number in range(len(ALL.members)):
        kept = many.validation_inputs[many.validation_rows[number, :30]]
        np.testing.assert_array_equal(kept, few.validation_inputs[few.validation_rows[number]])


def test_seeds_validate_on_their_own_images_and_noises_on_the_same(small_data, noise):
    members = [Member(seed=seed, noise=kind, level=1.0) for seed in (0, 1) for kind in ("randX", "randY")]
    rows = load_training_data(ensemble(*members), small_data, noise).validation_rows
    np.testing.assert_array_equal(rows[::2], rows[1::2])
    assert set(rows[0]) != set(rows[2])
    shared = load_training_data(ensemble(*members, same_examples=True), small_data, noise)
    assert (shared.validation_rows == shared.validation_rows[0]).all()
    assert len(shared.validation_inputs) == 30


def replace(file, name, values):
    del file[name]
    file[name] = values


def poke(name, position, value):
    def change(file):
        file[name][position] = value

    return change


def attribute(name, value):
    def change(file):
        file.attrs[name] = value

    return change


TAMPERED = {
    "other data": ("randY", attribute("data_sha256", "0" * 64), "data_sha256"),
    "other noise": ("randY", attribute("noise", "randX"), "its noise is randX, not randY"),
    "other data set": ("randY", attribute("dataset", "mnist"), "its dataset is mnist, not small"),
    "other size": ("randY", attribute("image_size", 4), "its image_size is 4, not 2"),
    "other count": ("randY", attribute("examples", 51), "its examples is 51, not 50"),
    "no spread": ("randY", attribute("preprocessing", '{"pooling": 2, "mean": 0.5, "std": 0}'), "std 0"),
    "missing seed": ("randY", lambda file: file.pop("seed-1"), "not 1$"),
    "index beyond training": ("randY", poke("seed-1/index", 3, 2400), "seed-1/index reaches from"),
    "negative index": ("randY", poke("seed-1/index", 3, -1), "seed-1/index reaches from -1"),
    "rank twice": ("randY", poke("seed-1/rank", slice(0, 2), 7), "rank is not a permutation"),
    "wrong true label": ("randY", poke("seed-1/true_labels", 0, 11), "true_labels are not the labels"),
    "class 10": ("randY", poke("seed-1/noise_labels", 0, 10), "noise_labels reaches from"),
    "no labels": ("randY", lambda file: file.pop("seed-1/noise_labels"), "noise_labels is missing"),
    "short labels": (
        "randY",
        lambda file: replace(file, "seed-1/noise_labels", np.zeros(49, np.uint8)),
        r"shape \(49,\)|is \(49,\)",
    ),
    "fractional rank": ("randY", lambda file: replace(file, "seed-1/rank", np.zeros(50)), "rank holds 'float64'"),
    "NaN": ("randX", poke("seed-1/noise_inputs", (slice(None), 0, 0, 0), np.nan), "not finite"),
    "infinity": ("randX", poke("seed-1/noise_inputs", (slice(None), 1, 1, 1), -np.inf), "not finite"),
    "flat inputs": (
        "randX",
        lambda file: replace(file, "seed-1/noise_inputs", np.zeros((50, 8), np.float32)),
        r"not of shape",
    ),
}


@pytest.mark.parametrize(("kind", "change", "reason"), TAMPERED.values(), ids=TAMPERED)
def test_file_that_does_not_fit_is_refused_in_one_line(small_data, noise, tmp_path, kind, change, reason):
    path = tmp_path / "tampered.h5"
    path.write_bytes(noise[kind].read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(StoreError, match=rf"tampered\.h5: .*{reason}") as error:
        load_training_data(ensemble(Member(seed=1, noise=kind, level=0.4)), small_data, {kind: path})
    assert "\n" not in str(error.value)


def test_files_with_different_preprocessing_are_refused(small_data, noise, tmp_path):
    path = tmp_path / "other.h5"
    path.write_bytes(noise["randY"].read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["preprocessing"] = file.attrs["preprocessing"].replace('"mean": 0.', '"mean": 0.1')
    spec = ensemble(Member(), Member(noise="randY", level=0.4))
    with pytest.raises(StoreError, match=r"other\.h5: its preprocessing is not that of the other"):
        load_training_data(spec, small_data, noise | {"randY": path})


@pytest.mark.parametrize(
    ("spec", "error", "reason"),
    [
        (ensemble(Member(noise="randZ")), StoreError, "unknown kind of noise: randZ"),
        (ensemble(Member(level=0.5)), StoreError, "noise 'none' at a level above 0"),
        (ensemble(Member(), dataset="mnist"), StoreError, "holds small, not mnist"),
        (ensemble(Member(seed=2)), StoreError, "has the seeds below 2, not 2"),
        (ensemble(Member(), image_size=3), DataError, "image_size: 3 must divide 4"),
        (ensemble(Member(), validation_examples=301), DataError, "validation_examples: 301 is not between 1 and 300"),
        (ensemble(Member(noise="randY", level=1.5)), DataError, "level: 1.5 is not between 0 and 1"),
    ],
    ids=["noise", "level of none", "data set", "seed", "image size", "validation", "level"],
)
def test_specification_that_does_not_fit_is_refused(small_data, noise, spec, error, reason):
    with pytest.raises(error, match=reason):
        load_training_data(spec, small_data, noise)


def test_noise_file_that_is_not_given_is_named(small_data, noise):
    with pytest.raises(StoreError, match="no noise file is given for randX, randY"):
        load_training_data(ALL, small_data, {kind: noise[kind] for kind in ("none", "randXg")})

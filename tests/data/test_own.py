"""Data sets of one's own, without code: what they may look like, how they are refused, and that they train."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from closerlook.config.reading import ConfigError, read_config
from closerlook.data import own
from closerlook.data.corruption import write_noise
from closerlook.data.fetching.own import read_own
from closerlook.data.fetching.sources import fetch_dataset
from closerlook.data.images import read_training_split
from closerlook.data.loading import load_training_data
from closerlook.data.own import OwnDataSet
from closerlook.data.sets import OWN, SETS, DataError
from closerlook.runtime.fingerprints import reached_by
from closerlook.spec import Ensemble, Member

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(24, 4, 4), dtype=np.uint8)
LABELS = np.tile(np.arange(3), 8)
COLOUR = RNG.integers(256, size=(24, 3, 4, 4), dtype=np.uint8)


@pytest.fixture(autouse=True)
def nobody_elses():
    before = os.environ.pop(OWN, None)
    yield
    os.environ.pop(OWN, None)
    if before is not None:
        os.environ[OWN] = before


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "digits.npz", **arrays)
        return tmp_path / "digits.npz"

    return write


def use(folder, **options):
    own.use({"digits": OwnDataSet(**{"file": "digits.npz"} | options)}, folder, folder / "own.json")
    return SETS["digits"]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (IMAGES, IMAGES[:, None]),
        (IMAGES.reshape(24, 16), IMAGES[:, None]),
        (IMAGES / 255, IMAGES[:, None]),
        (IMAGES.astype(np.int64), IMAGES[:, None]),
        (IMAGES > 127, np.where(IMAGES > 127, 255, 0)[:, None]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR),
    ],
    ids=["grey", "flat", "fractions", "int64", "truth values", "channels first", "channels last"],
)
def test_images_of_every_form_are_the_same_bytes(npz, images, expected):
    arrays = read_own(npz(images=images, labels=LABELS), shuffle=False)
    np.testing.assert_array_equal(arrays["train/images"], expected)
    assert arrays["train/images"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["train/labels"], LABELS)
    assert arrays["test/images"].shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")])
def test_arrays_go_by_several_names(npz, names):
    assert len(read_own(npz(**dict(zip(names, (IMAGES, LABELS), strict=True))), False)["train/labels"]) == 24


@pytest.mark.parametrize("form", ["{}_{}", "{1}_{0}"])
def test_splits_of_the_file_are_kept(npz, form):
    kinds = ("images", "labels") if form == "{1}_{0}" else ("x", "y")
    ends = {"train": slice(0, 12), "val": slice(12, 18), "test": slice(18, 24)}
    arrays = {
        form.format(kind, part): values[rows]
        for part, rows in ends.items()
        for kind, values in zip(kinds, (IMAGES, LABELS[:, None]), strict=True)
    }
    read = read_own(npz(**arrays), shuffle=False)
    np.testing.assert_array_equal(read["train/images"][:, 0], IMAGES[:18])
    np.testing.assert_array_equal(read["test/images"][:, 0], IMAGES[18:])
    np.testing.assert_array_equal(read["test/labels"], LABELS[18:])


def test_examples_sorted_by_class_are_put_in_an_order_that_is_always_the_same(npz):
    path = npz(images=np.sort(IMAGES, axis=0), labels=np.sort(LABELS))
    plain, one, other = (read_own(path, shuffle) for shuffle in (False, True, True))
    assert len(set(one["train/labels"][:8].tolist())) == 3
    np.testing.assert_array_equal(one["train/images"], other["train/images"])
    pairs = [sorted(map(bytes, map(np.append, each["train/images"], each["train/labels"]))) for each in (plain, one)]
    assert pairs[0] == pairs[1]


BAD = {
    "not square": ({"images": IMAGES[:, :3]}, r"images of shape \(3, 4\); allowed: square"),
    "no square number": ({"images": IMAGES.reshape(24, 16)[:, :15]}, r"images of shape \(15,\)"),
    "fractional labels": ({"labels": LABELS / 2}, "labels are float64"),
    "words": ({"labels": np.array(["a", "b", "c"] * 8)}, "labels are <U1"),
    "from one": ({"labels": LABELS + 1}, "no example has the label 0, but some have 3; count from 0"),
    "empty class": ({"labels": 2 * (LABELS // 2)}, "no example has the label 1, but some have 2"),
    "negative": ({"labels": LABELS - 1}, "labels reach from -1 to 1"),
    "one class": ({"labels": 0 * LABELS}, "all labels are the same"),
    "too many classes": ({"labels": LABELS * 200}, "labels reach from 0 to 400; allowed: 0 to at most 255"),
    "fewer labels": ({"labels": LABELS[:5]}, "24 images, but 5 labels"),
    "nan": ({"images": np.where(IMAGES > 200, np.nan, 0.5)}, "not finite"),
    "sixteenths": ({"images": IMAGES / 16}, r"float64 pixels reach from 0 to 15.*; allowed: whole numbers"),
    "16 bits": ({"images": IMAGES.astype(np.uint16) * 2}, "uint16 pixels reach from"),
    "complex": ({"images": IMAGES * 1j}, "images are complex128"),
    "none": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "no examples"),
    "objects": ({"images": np.array([IMAGES, None], object)}, "images: holds no plain numbers"),
    "other names": ({"images": None, "pixels": IMAGES}, "its arrays are labels, pixels; wanted: images and labels"),
    "test of other classes": (
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS + 1, "images": None, "labels": None},
        "test labels reach from 1 to 3, those of training to 2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trained_on_is_refused_in_one_line(npz, tmp_path, case):
    changes, reason = BAD[case]
    arrays = {"images": IMAGES, "labels": LABELS} | changes
    npz(**{name: values for name, values in arrays.items() if values is not None})
    with pytest.raises(DataError, match=reason) as error:
        use(tmp_path)
    assert str(error.value).startswith("data.own.digits.file: ")
    assert "\n" not in str(error.value)
    assert OWN not in os.environ


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "is not there"), (b"", "not an .npz"), (b"PK\3\4 and no more", "not an .npz")]
)
def test_a_file_that_is_no_npz_is_refused(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "digits.npz").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        use(tmp_path)


def test_a_lone_array_and_a_pickle_are_refused(tmp_path):
    for values in (IMAGES, np.array([{}], object)):
        with open(tmp_path / "digits.npz", "wb") as file:
            np.save(file, values)
        with pytest.raises(DataError, match=r"digits\.npz is not an .npz file"):
            use(tmp_path)


@pytest.mark.parametrize("training", [24, 25, 0])
def test_a_split_that_leaves_nothing_is_refused(npz, tmp_path, training):
    npz(images=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match=rf"^data\.own\.digits\.training: {training} of 24 examples"):
        use(tmp_path, training=training)


def test_a_name_that_is_taken_is_refused(npz, tmp_path):
    npz(images=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match=r"data\.own\.mnist: there is a data set of this name already"):
        own.use({"mnist": OwnDataSet(file="digits.npz")}, tmp_path, tmp_path / "own.json")


@pytest.mark.parametrize("name", ["", "a b", "../x", "12", "x" * 65, "a\nb"])
def test_what_cannot_name_a_file_is_refused(npz, tmp_path, name):
    npz(images=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match=r"^data\.own: '.* is not a name"):
        own.use({name: OwnDataSet(file="digits.npz")}, tmp_path, tmp_path / "own.json")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"file": "digits.npz", "titel": "Digits"}, r"data\.own\.file\.titel: unknown key .did you mean title"),
        ({"title": "Digits"}, r"data\.own\.file\.file: missing"),
        ({"file": "digits.npz", "training": 0}, r"data\.own\.file\.training: 0: "),
        ({"file": "nowhere.npz"}, r"data\.own\.file\.file: .*nowhere\.npz is not there"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(npz, tmp_path, monkeypatch, options, reason):
    npz(images=IMAGES, labels=LABELS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=reason):
        read_config({"scale": "smoke", "papers": [], "data": {"own": {"file": options}}})


def test_it_is_a_data_set_like_the_others(npz, tmp_path):
    path = npz(images=IMAGES, labels=LABELS)
    dataset = use(tmp_path, title="Digits", training=20)
    assert SETS.names() == ("cifar10", "digits", "fashion", "mnist")
    assert (dataset.title, dataset.image_shape, dataset.classes) == ("Digits", (1, 4, 4), 3)
    assert (dataset.training, dataset.validation, dataset.test) == (20, 4, 0)
    assert SETS.path("digits") == path
    assert use(tmp_path).training == 20  # five sixths of 24


def test_processes_started_from_here_know_it(npz, tmp_path):
    npz(images=IMAGES, labels=LABELS)
    use(tmp_path, title="Digits")
    code = "import sys; from closerlook.data.sets import SETS; print(SETS['digits'].title, 'numpy' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.split() == ["Digits", "False"]


def test_a_file_is_read_once_until_it_changes(npz, tmp_path, monkeypatch):
    npz(images=IMAGES, labels=LABELS)
    use(tmp_path)
    before = SETS.identity("digits")
    with monkeypatch.context() as patch:
        patch.setattr("closerlook.data.fetching.own.read_own", lambda *_: pytest.fail("read again"))
        use(tmp_path)
        use(tmp_path, title="other words", licence="mine", training=20)
    assert SETS.identity("digits") == before, "words are no part of what a data set is"
    use(tmp_path, training=19)
    assert SETS.identity("digits") != before
    np.savez_compressed(tmp_path / "digits.npz", images=IMAGES, labels=LABELS)
    use(tmp_path)
    assert SETS.identity("digits") == before, "nor is how its file is packed"
    npz(images=IMAGES ^ 1, labels=LABELS)
    use(tmp_path)
    assert SETS.identity("digits") != before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"x": 1}'])
def test_a_cache_that_is_damaged_is_made_again(npz, tmp_path, content):
    npz(images=IMAGES, labels=LABELS)
    (tmp_path / "own.json").write_text(content)
    assert use(tmp_path).classes == 3
    assert json.loads((tmp_path / "own.json").read_text())


def save(path, pixels, mode="L"):
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(pixels).convert(mode).save(path)


def pictures(folder, count=24, mode="L"):
    for number in range(count):
        save(folder / "abc"[number % 3] / f"{number:02}.png", IMAGES[number], mode)


def test_pictures_are_the_bytes_that_they_were_made_of(tmp_path):
    pictures(tmp_path / "digits.npz")
    arrays = read_own(tmp_path / "digits.npz", shuffle=False)
    np.testing.assert_array_equal(arrays["train/images"][:, 0], np.concatenate([IMAGES[c::3] for c in range(3)]))
    np.testing.assert_array_equal(arrays["train/labels"], np.repeat(np.arange(3), 8))
    assert use(tmp_path).image_shape == (1, 4, 4)
    save(tmp_path / "digits.npz" / "a" / "99.png", IMAGES[0], "RGBA")
    assert use(tmp_path).image_shape == (3, 4, 4)


def test_folders_of_train_and_test_are_kept_apart(tmp_path):
    pictures(tmp_path / "p" / "train", 12)
    pictures(tmp_path / "p" / "test", 6)
    arrays = read_own(tmp_path / "p", shuffle=False)
    assert [len(arrays[f"{part}/labels"]) for part in ("train", "test")] == [12, 6]


def spoil(folder, case):
    if case == "sizes":
        save(folder / "a" / "x.png", IMAGES[0][:2, :2])
    elif case == "oblong":
        save(folder / "a" / "x.png", IMAGES[0][:2])
    elif case == "damaged":
        (folder / "a" / "x.png").write_bytes((folder / "a" / "00.png").read_bytes()[:50])
    elif case == "text":
        (folder / "a" / "x.png").write_text("no picture")
    elif case == "16 bits":
        save(folder / "a" / "x.png", IMAGES[0].astype(np.uint16), "I;16")
    elif case == "empty class":
        (folder / "d").mkdir()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("sizes", r"x\.png: 2 pixels a side, where 00\.png has 4"),
        ("oblong", r"x\.png: 4 x 2 pixels; pictures must be square"),
        ("damaged", r"x\.png: (damaged|not a picture)"),
        ("text", r"x\.png: not a picture"),
        ("16 bits", r"x\.png: more than 8 bits"),
        ("empty class", "d: no pictures in it"),
    ],
)
def test_pictures_that_do_not_fit_are_named(tmp_path, case, reason):
    pictures(tmp_path / "digits.npz")
    spoil(tmp_path / "digits.npz", case)
    with pytest.raises(DataError, match=reason):
        use(tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path):
    (tmp_path / "digits.npz").mkdir()
    with pytest.raises(DataError, match="has no folders of pictures, one a class"):
        use(tmp_path)


def test_it_is_fetched_corrupted_and_loaded(npz, tmp_path):
    npz(images=IMAGES, labels=LABELS, ignored=np.arange(3))
    use(tmp_path, training=20)
    data, noise = tmp_path / "digits.h5", tmp_path / "randX.h5"
    fetch_dataset("digits", data, log=lambda line: None)
    split = read_training_split(data)
    assert (split.name, split.training, split.validation, split.classes) == ("digits", 20, 4, 3)
    with h5py.File(data) as file:
        assert str(tmp_path) not in file.attrs["source"]
    write_noise(data, noise, image_size=2, examples=18, noise="randX", seeds=1)
    spec = Ensemble(
        dataset="digits", image_size=2, examples=18, validation_examples=4, widths=(4,), batch_size=6, epochs=1,
        members=(Member(noise="randX", level=0.5),),
    )  # fmt: skip
    loaded = load_training_data(spec, data, {"randX": noise})
    assert (loaded.classes, loaded.pool.shape[1:], loaded.is_noise.sum()) == (3, (1, 2, 2), 9)


def test_a_file_that_changed_since_the_start_is_not_taken_for_the_old_one(npz, tmp_path):
    npz(images=IMAGES, labels=LABELS)
    use(tmp_path)
    npz(images=IMAGES ^ 1, labels=LABELS)
    with pytest.raises(DataError, match=r"digits could not be had from any source: .*SHA-256"):
        fetch_dataset("digits", tmp_path / "digits.h5", log=lambda line: None)


def test_only_what_fetches_it_reaches_the_reader(npz, tmp_path):
    npz(images=IMAGES, labels=LABELS)
    use(tmp_path)
    assert SETS.modules("digits") == ("closerlook.data.fetching.own",)
    for start in ("closerlook.data.loading", "closerlook.data.corruption", "closerlook.figures.style"):
        assert not [path for path in reached_by(start) if "fetching" in str(path)]

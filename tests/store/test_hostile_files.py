"""Damaged and foreign HDF5 files between the steps: every reader refuses them in one line that names the file."""

import hashlib
import json
import random
import shutil
import tracemalloc
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from closerlook import store
from closerlook.data.corruption import write_noise
from closerlook.data.loading import load_training_data
from closerlook.data.sets import SETS
from closerlook.measures.job import Source
from closerlook.measures.job import measure as run_measure
from closerlook.publish.provenance import write_provenance
from closerlook.spec import Checkpoints, Ensemble, Member
from closerlook.tables import rows as tables
from closerlook.training.job import run_training

KINDS = ("none", "randX", "randY")
SPEC = Ensemble(
    dataset="small",
    image_size=2,
    examples=20,
    validation_examples=10,
    network="mlp",
    widths=(3,),
    batch_size=5,
    epochs=2,
    members=tuple(Member(seed=0, noise=kind, level=float(kind != "none")) for kind in KINDS),
    checkpoints=Checkpoints(epochs=(2,)),
)


def silent(line):
    """Take a line of a job's log."""


class Known(dict):
    """A room of data sets that are given."""

    names = dict.keys


def write_data(path):
    rng = np.random.default_rng(0)
    shapes = {"train/images": (60, 1, 4, 4), "train/labels": (60,), "test/images": (5, 1, 4, 4), "test/labels": (5,)}
    arrays = {name: rng.integers(0, 10, shape).astype(np.uint8) for name, shape in shapes.items()}
    sums = {name: hashlib.sha256(values).hexdigest() for name, values in arrays.items()}
    with store.create(path, "data") as file:
        for name, values in arrays.items():
            file[name] = values
        store.write_attributes(file, name="small", licence="l", source="s", sha256=sums, training=40, classes=10)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_data(folder / "data.h5")
    for kind in KINDS:
        write_noise(
            folder / "data.h5",
            folder / f"{kind}.h5",
            image_size=2,
            examples=20,
            noise=kind,
            seeds=1,
        )
    noise = {kind: folder / f"{kind}.h5" for kind in KINDS}
    run_training(SPEC, folder / "data.h5", noise, folder / "trained.h5", log=silent)
    measure(SimpleNamespace(folder=folder))
    return folder


@pytest.fixture
def files(made, tmp_path, monkeypatch):
    # A set of official data would be refused for not being the official one.
    monkeypatch.setattr("closerlook.publish.provenance.SETS", Known(small=SETS["mnist"]))
    shutil.copytree(made, tmp_path / "files")
    return SimpleNamespace(folder=tmp_path / "files")


def noise_of(files):
    return {kind: files.folder / f"{kind}.h5" for kind in KINDS}


def measure(files):
    folder = files.folder
    source = Source(trained=folder / "trained.h5", data=folder / "data.h5", noise=noise_of(files))
    run_measure("curvature", source, folder / "curvature.h5", log=silent)


def load(files):
    load_training_data(SPEC, files.folder / "data.h5", noise_of(files))


def tabulate(files):
    tables.curvatures([files.folder / "trained.h5"], [files.folder / "curvature.h5"])


def provenance(files):
    output = files.folder / "provenance.json"
    write_provenance('{"scale": "smoke"}', [files.folder / "trained.h5"], [files.folder / "data.h5"], output)


READERS = {"data.h5": (load, measure, provenance), "randX.h5": (load, measure), "randY.h5": (load, measure)}
READERS |= {"trained.h5": (measure, tabulate, provenance), "curvature.h5": (tabulate,)}
DATASET = {
    "data.h5": "train/labels",
    "randX.h5": "seed-0/noise_inputs",
    "randY.h5": "seed-0/noise_labels",
    "trained.h5": "outcome/diverged",
    "curvature.h5": "epoch-2/trace",
}
ATTRIBUTE = {"data.h5": "sha256", "randX.h5": "preprocessing", "randY.h5": "data_sha256", "trained.h5": "spec"}


def refusal(reader, files, name):
    """Return the line with which a reader refuses; it may not ask for more than a few megabytes on the way."""
    tracemalloc.start()
    with pytest.raises(store.StoreError) as error:
        reader(files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 500
    assert name in line
    assert peak < 20 << 20
    return line


def replaced(make):
    def craft(file, name):
        del file[name]
        make(file, name)

    return craft


def unwritten(file, name):
    file.create_dataset(name, shape=(20,), dtype="u1", chunks=(20,))


CRAFTED = {
    "missing": lambda file, name: None,
    "2^34 elements": lambda file, name: file.create_dataset(name, shape=(2**34,), dtype="u1"),
    "never written": unwritten,
    "text": lambda file, name: file.create_dataset(name, data=["x"] * 20, dtype=h5py.string_dtype()),
    "bytes": lambda file, name: file.create_dataset(name, data=np.array([b"abc"] * 20)),
    "complex": lambda file, name: file.create_dataset(name, data=np.zeros(20, complex)),
    "compound": lambda file, name: file.create_dataset(name, data=np.zeros(20, [("a", "f4")])),
    "a scalar": lambda file, name: file.create_dataset(name, data=1),
    "nothing": lambda file, name: file.create_dataset(name, data=h5py.Empty("f4")),
    "other length": lambda file, name: file.create_dataset(name, data=np.zeros(7, np.uint8)),
    "more dimensions": lambda file, name: file.create_dataset(name, data=np.zeros((3, 2, 2), np.uint8)),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("case", CRAFTED)
def test_a_crafted_dataset_is_refused_by_every_reader(files, name, case):
    with h5py.File(files.folder / name, "r+") as file:
        replaced(CRAFTED[case])(file, DATASET[name])
    for reader in READERS[name]:
        if case == "missing" and reader is provenance and name == "data.h5":
            continue
        refusal(reader, files, name)


ODD_ATTRIBUTES = {
    "a number": 5,
    "an array": np.arange(3),
    "bytes": np.bytes_(b"\xff\xfe"),
    "nothing": h5py.Empty("f4"),
    "not JSON": "{not json",
    "JSON of another kind": "[1]",
    "deep JSON": "[" * 100_000,
}


@pytest.mark.parametrize("name", ATTRIBUTE)
@pytest.mark.parametrize("case", ODD_ATTRIBUTES)
def test_a_crafted_attribute_is_refused_by_every_reader(files, name, case):
    with h5py.File(files.folder / name, "r+", libver="latest") as file:
        file.attrs[ATTRIBUTE[name]] = ODD_ATTRIBUTES[case]
    for reader in READERS[name]:
        refusal(reader, files, name)


def changed(**changes):
    return {**json.loads(SPEC.to_json()), **changes}


SPECS = {
    "a field more": changed(colour="red"),
    "a field less": {name: value for name, value in changed().items() if name != "epochs"},
    "a factor more": changed(members=[{**member, "colour": 1} for member in changed()["members"]]),
    "no members": changed(members=[]),
    "more members": changed(members=changed()["members"] * 2),
    "fewer epochs": changed(epochs=1),
    "epochs in words": changed(epochs="two"),
    "members as text": changed(members="abc"),
}


@pytest.mark.parametrize("case", SPECS)
def test_a_specification_of_another_version_or_kind_is_refused(files, case):
    with h5py.File(files.folder / "trained.h5", "r+") as file:
        file.attrs["spec"] = json.dumps(SPECS[case])
    for reader in READERS["trained.h5"]:
        refusal(reader, files, "trained.h5")


def test_parameters_of_another_shape_are_refused_and_not_broadcast(files):
    with h5py.File(files.folder / "trained.h5", "r+") as file:
        replaced(lambda file, name: file.create_dataset(name, data=np.ones(3, np.float32)))(
            file, "checkpoints/epoch-2/bias0"
        )
    assert "checkpoints/epoch-2/bias0 is of shape () a member" in refusal(measure, files, "trained.h5")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_damaged_bytes_are_read_as_they_were_or_refused(files, name):
    path = files.folder / name
    content, chance, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(min(len(content), 6000))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            with store.read(path, "noise" if "rand" in name else path.stem) as file:
                file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)
        except store.StoreError as error:
            refused += 1
            assert name in str(error)
            assert str(error).isprintable()
    assert refused > 10

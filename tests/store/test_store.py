import os
import time

import h5py
import pytest

from closerlook import store
from closerlook.spec import Member

ATTRIBUTES = {"spec": "{}", "settings": "{}", "versions": "{}", "device": "cpu"}


def write(path, attributes=ATTRIBUTES):
    with store.create(path, "curvature") as file:
        file["epoch-1/loss"] = [1.0, 2.0]
        store.write_attributes(file, **attributes)


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "a.h5")
    with store.read(tmp_path / "a.h5", "curvature") as file:
        assert file["epoch-1/loss"][:].tolist() == [1.0, 2.0]


def test_same_content_gives_same_bytes_a_second_later(tmp_path):
    write(tmp_path / "a.h5")
    time.sleep(1.1)  # HDF5 counts whole seconds
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_failure_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="boom"), store.create(path, "curvature") as file:
        file["half"] = 1
        raise RuntimeError("boom")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_part_left_out_is_refused_on_writing(tmp_path):
    with pytest.raises(store.StoreError, match="lacks device"):
        write(tmp_path / "a.h5", {"spec": "{}", "settings": "{}", "versions": "{}"})
    assert not list(tmp_path.iterdir())


def test_truncated_file_is_one_line(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(store.StoreError, match=r"a\.h5: not a complete HDF5 file") as error, store.read(path, "data"):
        pass
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path):
    with (
        pytest.raises(store.StoreError, match=r"nothing\.h5: no such file"),
        store.read(tmp_path / "nothing.h5", "data"),
    ):
        pass


def test_file_of_another_layout_is_refused(tmp_path):
    write(tmp_path / "a.h5")
    with (
        pytest.raises(store.StoreError, match="not a 'data' file, it lacks train/images"),
        store.read(tmp_path / "a.h5", "data"),
    ):
        pass


def test_members_come_back_as_they_were(tmp_path, ensemble):
    members = (Member(seed=3, noise="randY", level=0.5), Member(seed=4, regularizers={"dropout": 0.1}))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        store.write_members(file.create_group("members"), ensemble(members=members))
        factors = {name: values.tolist() for name, values in store.read_members(file).items()}
    assert factors == {
        "seed": [3, 4],
        "noise": ["randY", "none"],
        "level": [0.5, 0.0],
        "learning_rate": [0.01, 0.01],
        "momentum": [0.9, 0.9],
        "dropout": [0.0, 0.1],
    }

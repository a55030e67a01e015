import errno
import fcntl
import os
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import pytest

from closerlook import store, things
from closerlook.measures.curvature import Options
from closerlook.spec import Ensemble, Member

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


@pytest.fixture
def own_measure(tmp_path):
    """A folder with a measure that is not in use, nor afterwards."""
    folder = tmp_path / "own"
    (folder / "measures").mkdir(parents=True)
    (folder / "measures" / "strange.py").write_text(
        "from dataclasses import dataclass\n"
        "from closerlook.layout import Column\n"
        "from closerlook.measures.declaration import Measure\n"
        "@dataclass(frozen=True)\n"
        "class Options: pass\n"
        "measure = Measure(options=Options, writes={'{checkpoint}/x': Column('float64', ('member',), 'x')})\n"
    )
    yield folder
    things.use([])
    sys.modules.pop("closerlook.measures.strange", None)


def test_that_a_measure_is_not_known_here_is_no_damage_to_its_file(tmp_path, own_measure):
    path = tmp_path / "strange.h5"
    things.use([own_measure])
    with store.create(path, "strange") as file:
        file["epoch-1/x"] = [1.0, 2.0]
        store.write_attributes(file, **ATTRIBUTES)
    things.use([])
    assert "no measure 'strange' is known here" in (line := refusal(path, "strange"))
    assert "closerlook.things.use([folder])" in line
    things.use([own_measure])
    with store.read(path, "strange") as file:
        assert file["epoch-1/x"][:].tolist() == [1.0, 2.0]
    (own_measure / "measures" / "broken.py").write_text("import nothing_such")
    things.use([own_measure])
    assert "broken.py: cannot be used" in refusal(path, "broken")


def test_a_file_of_no_known_layout_is_refused_before_the_work(tmp_path):
    with pytest.raises(store.Unreachable, match="'strange'"), store.create(tmp_path / "a.h5", "strange"):
        pytest.fail("worked in vain")
    assert not list(tmp_path.iterdir())


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


PLANNED = Ensemble(
    dataset="mnist", image_size=14, examples=100, validation_examples=20, widths=(4,), batch_size=10, epochs=30,
    members=(Member(), Member(seed=1, level=0.5, noise="randX")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"epochs": 7}, r"epochs: 30 in the file, 7 in the plan"),
        ({"after_fit": 2}, r"after_fit: its default in the file, 2 in the plan"),
        ({"members": PLANNED.members[:1]}, r"members: \[.*\] in the file, \[.*\] in the plan"),
        ({"members": (Member(), Member(seed=2, level=0.5, noise="randX"))}, r"members\[1\]\.seed: 1 in the file, 2 in"),
    ],
)
def test_a_file_of_another_specification_is_refused_by_its_first_difference(tmp_path, changes, line):
    write(tmp_path / "a.h5", ATTRIBUTES | {"spec": PLANNED.to_json()})
    with store.read(tmp_path / "a.h5", "curvature") as file:
        store.require_planned(file, PLANNED.to_json())
        with pytest.raises(store.StoreError, match=rf"a\.h5: made otherwise than planned \({line}.*delete it and run"):
            store.require_planned(file, replace(PLANNED, **changes).to_json())


def test_a_measure_with_other_options_is_refused(tmp_path):
    write(tmp_path / "a.h5", ATTRIBUTES | {"spec": PLANNED.to_json(), "settings": '{"max_products": 20}'})
    with store.read(tmp_path / "a.h5", "curvature") as file:
        store.require_planned(file, PLANNED.to_json(), Options(max_products=20))
        with pytest.raises(store.StoreError, match="max_products: 20 in the file, its default in the plan"):
            store.require_planned(file, PLANNED.to_json(), Options())


def test_dimensions_of_one_name_are_of_one_size(tmp_path):
    line = r"epoch-1/trace is of shape \(3,\), and member counts 2"
    with pytest.raises(store.StoreError, match=line), store.create(tmp_path / "a.h5", "curvature") as file:
        file["epoch-1/loss"], file["epoch-1/trace"] = [1.0, 2.0], [1.0, 2.0, 3.0]
        store.write_attributes(file, **ATTRIBUTES)


def refusal(path, layout="curvature"):
    with pytest.raises(store.Unreachable) as refused, store.read(path, layout):
        pass
    assert str(path) in str(refused.value)
    assert "delete" not in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_that_another_program_has_locked_is_read(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with store.read(path, "curvature") as file:
            assert file["epoch-1/loss"][:].tolist() == [1.0, 2.0]


def test_writing_asks_for_no_lock(tmp_path):
    with store.create(tmp_path / "a.h5", "curvature") as file:
        assert not file.id.get_access_plist().get_file_locking()[0]
        file["epoch-1/loss"] = [1.0]
        store.write_attributes(file, **ATTRIBUTES)


CHANGE = """
import h5py, os, sys
file = h5py.File(sys.argv[1], "r+")
file.attrs["note"] = "mine"
file.flush()
os._exit(0)
"""


def test_a_notebook_killed_while_it_changed_a_file_does_not_spoil_it(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    subprocess.run([sys.executable, "-c", CHANGE, path], check=True)
    with store.read(path, "curvature") as file:
        assert file["epoch-1/loss"][:].tolist() == [1.0, 2.0]


def test_a_file_of_a_later_format_left_open_by_a_killed_program_is_not_called_damaged(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["epoch-1/loss"] = [1.0]
    subprocess.run([sys.executable, "-c", CHANGE, path], check=True)
    assert "h5clear" in refusal(path)


def test_a_file_that_this_program_has_open_is_not_called_damaged(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    with h5py.File(path, "r+"):
        assert "close it" in refusal(path)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EAGAIN, "close it there"),
        (errno.EACCES, "chmod"),
        (errno.ENOLCK, "HDF5_USE_FILE_LOCKING"),
        (errno.EOPNOTSUPP, "HDF5_USE_FILE_LOCKING"),
        (errno.EIO, "the disk"),
        (errno.ESTALE, "the disk"),
    ],
)
@pytest.mark.parametrize("told", ["by number", "by HDF5's words"])
def test_what_the_system_refuses_is_not_called_damage(tmp_path, monkeypatch, number, remedy, told):
    path = tmp_path / "a.h5"
    write(path)

    def refuse(*arguments, **settings):
        raise OSError(number, "no") if told == "by number" else OSError(f"Can't open (errno = {number}, error = 'no')")

    monkeypatch.setattr(store.h5py, "File", refuse)
    assert remedy in refusal(path)


def test_a_figure_is_not_made_of_networks_that_were_trained_otherwise(train, members, ensemble):
    path = train(members(1, {"none": (0.0,)}), epochs=4)
    with store.read(path, "trained") as file:
        spec = store.read_spec(file)
    store.require_trained_as_planned([path], [spec.to_json()])
    planned = ensemble(**{**vars(spec), "epochs": 7})
    with pytest.raises(store.StoreError, match=r"trained\.h5: made otherwise than planned \(epochs: 4 .*, 7 "):
        store.require_trained_as_planned([path], [planned.to_json()])

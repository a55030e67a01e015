"""What a result was made from is kept beside it, and travels with it."""

import shutil

import pytest

from closerlook.planning.records import is_made, record_of, recorded


def test_a_result_is_known_by_what_it_was_made_from(tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b" / "c.svg"]
    assert not is_made(paths, "one")
    with recorded(paths, "one"):
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
    assert is_made(paths, "one")
    assert not is_made(paths, "other")
    shutil.copytree(tmp_path, tmp_path / "copied")
    assert is_made([tmp_path / "copied" / "a.csv"], "one")
    paths[0].unlink()
    assert not is_made(paths, "one"), "one of them is gone"


def test_work_that_fails_leaves_no_record_of_an_earlier_success(tmp_path):
    path = tmp_path / "a.csv"
    with recorded([path], "one"):
        path.write_text("x")
    with pytest.raises(ValueError, match="half way"), recorded([path], "other"):
        raise ValueError("half way")
    assert not is_made([path], "one")
    assert not record_of(path).exists()

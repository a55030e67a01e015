# Everything from a fresh clone: Python >= 3.11, make and git are enough. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
# Modules rather than scripts, and this folder's package first: scripts and the install name the folder that they were
# made in, and a checkout may be renamed.
RUN := $(VENV)/bin/python -m
export PYTHONPATH := $(CURDIR)$(addprefix :,$(PYTHONPATH))
# Snakemake does not start without a folder for its cache: here, where there is no home to write to.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" || echo none),)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
export MPLCONFIGDIR ?= $(XDG_CACHE_HOME)/matplotlib
endif
CORES ?= all
SCALE ?= quick
UV_VERSION := 0.13.9
# Progress bars for the whole run on a terminal; lines elsewhere.
PROGRESS = $(shell test -t 2 && echo --logger rich)

.DEFAULT_GOAL := help
.PHONY: help setup new plan paper test test-cluster verify lint format report bench schema lock clean distclean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.installed  ## make .venv with the pinned packages (does nothing the second time)

# The constraints file pins torch without a local version, so a CPU build that find-links offers satisfies it,
# and the ordinary build does elsewhere. Importing once writes the bytecode that every later start needs.
# Whatever pip is set to, uv goes into .venv.
PIP := $(RUN) pip
include envs/indexes.mk
$(VENV)/.installed: envs/constraints.txt envs/requirements.in pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"closerlook needs Python 3.11 or later; $(PYTHON) is {sys.version.split()[0]}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	PIP_USER=0 PIP_TARGET= PIP_PREFIX= $(RUN) pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	$(INDEXES) $(RUN) uv pip install -q --python $(VENV)/bin/python --find-links "$${PIP_FIND_LINKS:-}" -c envs/constraints.txt -r envs/requirements.in -e .
	PYTHONDONTWRITEBYTECODE= MPLBACKEND= $(VENV)/bin/python -c "import snakemake.cli, torch, pandas, seaborn, h5py, scipy.stats, typst, matplotlib.pyplot, pydantic, pooch, tqdm, pytest, closerlook"
	@touch $@

paper: setup  ## rebuild the paper: results/quick/paper.pdf (SCALE=smoke|quick|paper, CORES=all)
	$(RUN) snakemake --cores $(CORES) --config scale=$(SCALE) $(PROGRESS)

test: setup  ## run the whole test suite
	$(RUN) pytest

verify: SCALE = smoke
verify: setup  ## run twice from nothing and compare every byte; MANIFEST=file compares with another's run (SCALE=smoke)
	$(RUN) closerlook.publish.verification --scale $(SCALE) $(if $(MANIFEST),--manifest "$(MANIFEST)")

new: setup  ## write the folder of a paper of your own, which runs at once (PAPER=my-paper)
	@$(RUN) closerlook new "$(PAPER)"

plan: setup  ## what a run would cost: jobs, networks, FLOP, memory, disk, hours (SCALE=quick)
	@$(RUN) closerlook plan $(SCALE)

test-cluster: setup  ## the smoke workflow on a real Slurm on this machine, disturbed (root; installs Debian's Slurm)
	$(VENV)/bin/python tests/cluster/run.py

lint: setup  ## formatters and linters, as CI runs them
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) snakefmt --check .
	$(RUN) snakemake --lint

format: setup  ## rewrite the sources in the house format
	$(RUN) ruff check --fix .
	$(RUN) ruff format .
	$(RUN) snakefmt .

report: setup  ## a browsable report of the run: report.zip
	$(RUN) snakemake --report report.zip --config scale=$(SCALE)

bench: setup  ## speed against the alternatives, as ratios (installs them into .venv-bench)
	$(MAKE) -C bench

schema: setup  ## regenerate docs/options.md and config.schema.json from the config models
	$(RUN) closerlook.config.reference

# Of further indexes none: one with builds of torch of its own would have these pinned for everybody.
lock: setup  ## renew envs/constraints.txt from envs/requirements.in
	$(DEFAULT_INDEX) $(RUN) uv pip compile -q --universal --upgrade -p 3.11 envs/requirements.in -o envs/constraints.txt --no-annotate --no-header

clean:  ## remove results, logs and caches; keep data/ and .venv
	rm -rf results logs benchmarks report.zip .snakemake .pytest_cache .ruff_cache .hypothesis

distclean: clean  ## remove data/ and .venv too
	rm -rf data $(VENV) .venv-bench

"""Shape annotations are checked in every test: jaxtyping's hook wraps the package in beartype before it is imported."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ["MPLBACKEND"] = "agg"  # as the workflow sets it
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_CBWR"] = "AUTO"  # as closerlook.runtime.device sets it for a job

from jaxtyping import install_import_hook

install_import_hook("closerlook", "typechecker.checked")

import pytest
import torch

from closerlook import things

PAPERS = [Path(__file__).parents[1] / "papers" / paper for paper in ("A", "B")]
things.use(PAPERS)  # their figures are modules of closerlook


@pytest.fixture(autouse=True)
def _the_papers_in_use():
    things.use(PAPERS)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


from written import curve, ensemble, members, train  # noqa: F401  (fixtures)

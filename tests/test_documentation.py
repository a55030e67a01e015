"""What the documentation says to write works as written, and gives what it says."""

import hashlib
import json
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from shipped import FIGURES
from torch import nn
from torch.nn import functional

from closerlook import claims, store, things
from closerlook.claims.estimates import Estimate
from closerlook.claims.tests.effects import REGISTRY, over_seeds, register
from closerlook.config.reading import SCALES, read_config
from closerlook.data import images
from closerlook.numerics.unrolled import unrolled_derivatives
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.planning.plan import Plan

ROOT = Path(__file__).parents[1]


def snippets(page, heading="", language="python"):
    """Return the code blocks of a page of docs/, or of one of its sections."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    if heading:
        text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the names that python.md leaves behind, run from top to bottom beside a made-up data/mnist.h5."""
    folder = tmp_path_factory.mktemp("page")
    random, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 300), ("test", 10)):
        arrays[f"{part}/images"] = random.integers(256, size=(count, 1, 28, 28), dtype=np.uint8)
        arrays[f"{part}/labels"] = random.integers(10, size=count, dtype=np.uint8)
    with store.create(folder / "data" / "mnist.h5", "data") as file:
        for name, values in arrays.items():
            file[name] = values
        sums = {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in arrays.items()}
        about = {"name": "mnist", "licence": "none", "source": "made up", "training": 220, "classes": 10}
        store.write_attributes(file, sha256=json.dumps(sums), **about)
    names = {"__name__": "page"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(images, "SETS", {})  # the made-up images have not the published sums
        for code in snippets("python.md"):
            exec(code, names)
    return {**names, "folder": folder / names["folder"]}


def test_a_module_answers_as_it_does_alone(page):
    network = page["network"]
    outputs, _ = network.forward(network.parameters(), page["inputs"][None])
    torch.testing.assert_close(outputs[0].T, page["module"](page["inputs"]))


def test_the_critical_samples_of_a_linear_module_are_those_within_reach_of_the_boundary(page):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    network, inputs, pixel = page["Module"](linear, (1, 8, 8)), page["inputs"], page["pixel"]
    search = page["critical_samples"].Options(radius=(0.01, 0.03), step=1.0, noise_scale=0.0, iterations=1)
    found = page["critical_ratios"](network, network.parameters(), inputs, search, pixel, torch.Generator())
    weight = linear[1].weight.detach()
    margin = linear(inputs).detach().diff(dim=1).abs().squeeze(1)
    reach = pixel * (weight[1] - weight[0]).abs().sum()
    assert found == pytest.approx([(margin < radius * reach).double().mean().item() for radius in (0.01, 0.03)])
    assert 0 < found[0] < found[1] < 1


def test_the_curvature_of_a_module_is_that_of_its_whole_hessian(page):
    network, start = page["network"], page["run"].states[0].double()

    def loss(parameters):
        outputs = network.differentiable_outputs(parameters[None], page["inputs"].double()[None])[0]
        return functional.cross_entropy(outputs.T, page["labels"])

    hessian = torch.autograd.functional.hessian(loss, start)
    assert page["largest"] == pytest.approx(torch.linalg.eigvalsh(hessian)[-1].item(), rel=2e-3)
    assert abs(page["trace"] - hessian.trace().item()) < 4 * page["trace_error"]


def test_the_sensitivities_of_a_module_are_those_of_the_unrolled_graph(page):
    run, losses, inputs = page["run"], page["losses"], page["inputs"].double()
    setting = (losses, page["network"], CrossEntropy(), inputs, page["labels"])
    by_pixel = unrolled_derivatives(run.states[0].double(), run.batches, run.rates, *setting)
    torch.testing.assert_close(
        page["by_loss"].double(), page["pixel"] * by_pixel.abs().mean(dim=2), rtol=1e-3, atol=1e-7
    )
    assert 0 < page["inequality"] < 1


def test_the_files_of_the_page_are_those_of_the_workflow(page):
    with h5py.File(page["folder"] / "sensitivity.h5") as file:
        assert file["sensitivity"].shape == (4, 2, 200)
    assert page["shares"].shape == (4, 1)
    assert page["answers"].shape == (50,)
    assert len(page["again"]) == 2


@pytest.fixture
def documented_measure(tmp_path):
    """Put the measure of the page into a folder of the user's."""
    for code in snippets("extending.md", "A measure"):
        path = tmp_path / re.match(r"# (\S+)\n", code)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    before = things.own_folders()
    things.use([tmp_path])
    yield
    things.use(before)
    for name in [name for name in sys.modules if name.startswith("closerlook.measures.norms")]:
        del sys.modules[name]


def test_the_documented_measure_writes_the_norms_of_the_checkpoints(page, monkeypatch, documented_measure):
    monkeypatch.setattr(images, "SETS", {})
    monkeypatch.chdir(page["folder"].parent)
    output = Path("mine/norms.h5")
    page["measure"]("norms", page["source"], output, {"order": 1}, log=lambda line: None)
    with store.read(output, "norms") as file:
        assert json.loads(file.attrs["settings"]) == {"order": 1}
        assert file["epoch-10/norm"][0] == pytest.approx(page["parameters"].abs().sum().item())
        assert file["epoch-0/norm"].shape == (4,)
    with pytest.raises(ValueError, match="order is 0; it must be at least 1"):
        page["measure"]("norms", page["source"], output, {"order": 0})


@pytest.mark.parametrize("scale", SCALES)
def test_the_documented_experiment_and_its_measure_are_planned_at_every_scale(scale):
    section = re.search(r"^## An experiment\n(.*?)^## ", (ROOT / "docs/extending.md").read_text(), re.S | re.M)[1]
    (own,) = snippets("extending.md", "An experiment", "yaml")
    changes = yaml.safe_load(own)
    for key in ("measures", "checkpoints"):
        changes["experiments"]["deep"] |= yaml.safe_load(re.search(rf"`({key}: .*?)`", section)[1])
    plan = Plan(read_config([ROOT / "config.yaml", changes], scale))
    target = re.search(r"results/quick/(deep/.*?)`", section)[1]
    assert target in plan.results()


def test_the_documented_claim_is_read_and_the_documented_test_is_a_mean_over_seeds(tmp_path, monkeypatch):
    (entry,) = snippets("extending.md", "A claim", "yaml")
    (tmp_path / "claims.yaml").write_text(entry, encoding="utf-8")
    (claim,) = claims.load(tmp_path / "claims.yaml")
    assert claim.where["level"] == [0, 0.4]
    registry = dict(REGISTRY)
    monkeypatch.setattr("closerlook.claims.tests.effects.REGISTRY", registry)
    names = {"register": register, "pd": pd, "Estimate": Estimate, "over_seeds": over_seeds}
    exec(snippets("extending.md", "A claim")[0], names)
    rows = pd.DataFrame({"seed": [0, 0, 1, 2], "best_validation_accuracy": [0.5, 0.6, 0.7, 0.8]})
    assert names["validates"](rows, 1, 0.1).effect == pytest.approx((0.55 + 0.7 + 0.8) / 3)


def test_every_table_is_in_the_page_on_files():
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    assert [figure for figure in FIGURES if f"\n| {figure} | " not in page] == []

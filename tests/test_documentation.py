"""What the documentation says to write works as written, and gives what it says."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import fields, replace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from documented import ROOT, own_things, snippets, write_own_things
from shipped import FIGURES
from torch import nn
from torch.nn import functional

from closerlook import claims, store, things
from closerlook.claims.tests import declared, effects
from closerlook.config.checking import ConfigError
from closerlook.config.papers import Paper
from closerlook.config.reading import SCALES, read_config
from closerlook.data import images
from closerlook.data.noise import NOISES
from closerlook.figures.rendering import render
from closerlook.measures.job import open_job
from closerlook.numerics.hessian import curvature
from closerlook.numerics.unrolled import unrolled_derivatives
from closerlook.objectives import OBJECTIVES
from closerlook.objectives.cross_entropy import CrossEntropy
from closerlook.planning.plan import Plan
from closerlook.regularizers import REGULARIZERS
from closerlook.tables.rows import read_table, runs


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
def own(tmp_path):
    """Put every thing of extending.md into an own folder, and take it into use."""
    folder = tmp_path / "own"
    write_own_things(folder)
    before = things.own_folders()
    things.use([*before, folder])
    yield folder
    things.use(before)
    for name, module in list(sys.modules.items()):
        if str(folder) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def measured(page, monkeypatch, own):
    """Return the file of the documented measure beside the page's training."""
    monkeypatch.setattr(images, "SETS", {})
    monkeypatch.chdir(page["folder"].parent)
    output = page["folder"] / "norms.h5"
    page["measure"]("norms", page["source"], output, {"order": 1}, log=lambda line: None)
    return output


def test_the_page_has_a_file_for_each_kind_of_thing(own):
    rooms = {name.split("/")[0] for name in own_things()}
    assert rooms == {"noise", "nets", "objectives", "optimizers", "regularizers", "measures", "figures", "claims"}


def test_what_snakemake_reads_of_the_documented_things_imports_nothing_heavy(own):
    light = [f"data.noise.{name}" for name in ("shuffled",)]
    light += ["nets.residual", "optimizers.signs", "regularizers.multiplied", "measures.norms"]
    code = "".join(f"import closerlook.{name}\n" for name in light)
    code += "import sys\nprint([name for name in ('torch', 'numpy', 'pandas', 'pydantic') if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), things.FOLDERS: json.dumps([str(own)])}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_documented_measure_writes_the_norms_of_the_checkpoints(page, measured):
    with store.read(measured, "norms") as file:
        assert json.loads(file.attrs["settings"]) == {"order": 1}
        norms = [values[0] for values in file["epoch-10"].values()]
        assert sum(norms) == pytest.approx(page["parameters"].abs().sum().item(), rel=1e-5)
        assert file["epoch-0/weight0"].shape == (4,)
    with pytest.raises(ValueError, match="order is 0; it must be at least 1"):
        page["measure"]("norms", page["source"], measured, {"order": 0})


def test_the_documented_measure_is_read_in_a_process_that_takes_its_folder_into_use(measured, own):
    (code,) = (code for code in snippets("extending.md", "A measure") if "things.use" in code)
    path = re.search(r'store.read\("(\S+)"', code)[1]
    code = code.replace(path, str(measured)).replace("epoch-50", "epoch-10").replace('"own"', repr(str(own)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), things.FOLDERS: "[]"}
    command = [sys.executable, "-c", f"{code}\nprint(norms.shape)"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "(4,)"


def test_the_documented_cost_counts_the_bytes_that_the_measure_writes(page, measured):
    names = {}
    (code,) = (code for code in snippets("extending.md", "A measure") if "def cost" in code)
    exec(code, names)
    with open_job(page["source"]) as job:
        work = names["cost"](job.spec, job.network.structure, None, "cpu")
        assert work.memory == job.parameters("epoch-10").nbytes
    with store.read(measured, "norms") as file:
        assert work.disk == sum(values.nbytes for checkpoint in file.values() for values in checkpoint.values())


def test_a_measure_that_returns_another_kind_of_number_than_it_declares_is_refused(page, measured, own):
    run = own / "measures" / "norms" / "run.py"
    run.write_text(run.read_text().replace(".numpy()", ".double().numpy()"))
    sys.modules.pop("closerlook.measures.norms.run", None)
    with pytest.raises(store.StoreError, match=r"float64.*float32"):
        page["measure"]("norms", page["source"], measured, {"order": 1}, log=lambda line: None)


def test_the_documented_columns_are_those_of_runs(page):
    rows = runs([page["folder"] / "trained.h5"])
    (table,) = re.findall(
        r"^\| columns of `runs` .*?\n\n", (ROOT / "docs/extending.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    named = {name for line in table.strip().splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named - {"runs", "dropout"} == set(rows) - set(REGULARIZERS.names())
    assert "dropout" in rows


def test_the_end_of_training_is_kept_as_documented():
    def read(**changes):
        (block,) = (block for block in snippets("extending.md", "A measure", "yaml") if "sizes" in block)
        options = yaml.safe_load(block)["experiments"]["sizes"] | {"measures": {}} | changes
        return read_config([ROOT / "config.yaml", {"experiments": {"sizes": options}}], "quick")

    assert read(checkpoints={"epochs": [50]}).experiments["sizes"].epochs == 50
    assert read(after_fit=2, checkpoints={"fit": True})
    with pytest.raises(ConfigError, match="only 0 is certain to be reached when after_fit"):
        read(after_fit=2, checkpoints={"epochs": [50]})


def test_the_documented_noise_takes_the_place_of_an_experiments_kinds_at_every_scale(own):
    (_, block) = snippets("extending.md", "A kind of noise", "yaml")
    for scale in SCALES:
        layers = [ROOT / "config.yaml", {"own": [str(own)]}]
        before, after = (Plan(read_config([*layers, *more], scale)) for more in ([], [yaml.safe_load(block)]))
        assert after.config.experiments["capacity"].noise == {"none": (0,), "shuffled": (0.5, 1)}
        was, now = before.ensembles, after.ensembles
        assert [experiment for experiment in was if was[experiment] != now[experiment]] == ["capacity"]
        assert was["capacity"].keys() == now["capacity"].keys()  # the same networks


def test_the_documented_traces_add_up_to_that_of_the_whole_hessian(page, monkeypatch):
    monkeypatch.chdir(page["folder"].parent)
    monkeypatch.setattr(images, "SETS", {})
    names = {}
    (code,) = (code for code in snippets("extending.md", "A measure") if "def traces" in code)
    exec(code, names)
    with open_job(page["source"]) as job:
        parts = names["traces"](job, "epoch-10", 0)
        inputs, labels = torch.from_numpy(job.data.pool[job.data.rows[[0]]]), torch.from_numpy(job.data.labels[[0]])
        draws = [torch.Generator().manual_seed(1)]
        parameters = job.parameters("epoch-10", [0])
        whole = curvature(job.network, parameters, inputs, labels, job.objective, draws, page["Options"]()).trace
    assert set(parts) == {f"{kind}{layer}" for kind in ("weight", "bias") for layer in range(3)}
    assert sum(parts.values()) == pytest.approx(whole.estimate.item(), rel=0.2)


def test_the_documented_figure_shows_the_documented_measure(measured, tmp_path):
    outputs = [tmp_path / f"norms.{suffix}" for suffix in ("csv", "json", "svg", "pdf")]
    render("norms", [measured.with_name("trained.h5")], [measured], None, *outputs)
    table = read_table(outputs[0])
    assert len(table) == 4 * 2 * 6
    first = table[(table["part"] == "weight0") & (table["noise"] == "randY")]
    assert json.loads(outputs[1].read_text())["norm"]["randY"] == pytest.approx(first["norm"].mean())
    assert "weight2" in outputs[2].read_text()


def test_the_documented_noise_puts_the_same_pixels_into_another_order(own):
    inputs = np.random.default_rng(0).random((5, 9))
    drawn = NOISES.run("shuffled").draw(np.random.default_rng(1), inputs, None, None)
    assert not np.array_equal(drawn, inputs)
    assert np.array_equal(np.sort(drawn), np.sort(inputs))


def test_the_documented_objective_has_the_derivatives_of_its_losses(own):
    squares, outputs = OBJECTIVES["squares"], torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    targets, directions = torch.randint(3, (2, 4)), torch.randn(2, 3, 4, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(squares.losses(outputs, targets).sum(), outputs)
    torch.testing.assert_close(squares.gradient(outputs, targets), gradient)
    stepped = squares.gradient(outputs + directions, targets) - squares.gradient(outputs, targets)
    torch.testing.assert_close(squares.hessian_product(outputs, targets, directions), stepped)


def test_the_documented_optimiser_objective_and_regulariser_train_together(page, monkeypatch, own):
    monkeypatch.setattr(images, "SETS", {})
    monkeypatch.chdir(page["folder"].parent)
    members = tuple(
        replace(member, learning_rate=0.002, regularizers={"multiplied": 0.1}) for member in page["spec"].members
    )
    spec = replace(page["spec"], members=members, optimizer="signs", objective="squares")
    page["run_training"](
        spec, page["data"], page["noise"], output := page["folder"] / "signs.h5", log=lambda line: None
    )
    with store.read(output, "trained") as file:
        losses = file["history/train_loss"][:]
    assert (losses[:, -1] < losses[:, 0]).all()


def test_the_documented_experiments_are_planned(own):
    """Every configuration of the page but the data sets', at once."""
    blocks = [yaml.safe_load(block) for block in snippets("extending.md", language="yaml")]
    blocks = [block for block in blocks if isinstance(block, dict) and not {"data", "own"} & set(block)]
    layers = [{"own": [str(own)]}, *blocks]
    plan = Plan(read_config([ROOT / "config.yaml", *layers], "quick"))
    planned = set(plan.results())
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"results/quick/((?:paths|sizes|noise)/\S+?\.h5)`", page))
    assert len(targets) == 3
    assert targets <= planned


def test_the_documented_data_set_is_read_and_its_experiment_planned(tmp_path):
    arrays = np.random.default_rng(0).integers(17, size=(1797, 8, 8)), np.arange(1797) % 10
    np.savez(tmp_path / "digits.npz", images=arrays[0].astype("uint8"), labels=arrays[1])
    (block,) = snippets("extending.md", "A data set", "yaml")
    (tmp_path / "mine.yaml").write_text(block, encoding="utf-8")
    plan = Plan(read_config([ROOT / "config.yaml", tmp_path / "mine.yaml"], "quick"))
    (target,) = re.findall(r"results/quick/(handwritten/\S+?)`", (ROOT / "docs/extending.md").read_text("utf-8"))
    assert target in set(plan.results())
    read_config([ROOT / "config.yaml"], "quick")  # nobody else's data set from here on


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


def test_the_documented_claim_is_read_and_the_documented_test_is_a_mean_over_seeds(tmp_path, monkeypatch, own):
    entry, norms = snippets("extending.md", "A claim", "yaml")
    (tmp_path / "claims.yaml").write_text(entry, encoding="utf-8")
    (claim,) = claims.load(tmp_path / "claims.yaml")
    assert claim.where["level"] == [0, 0.4]
    (tmp_path / "claims.yaml").write_text(norms, encoding="utf-8")
    assert [claim.figure for claim in claims.load(tmp_path / "claims.yaml")] == ["norms"]
    monkeypatch.setattr("closerlook.claims.tests.effects.REGISTRY", dict(effects.REGISTRY))
    exec(snippets("extending.md", "A claim")[0], {})
    rows = pd.DataFrame({"seed": [0, 0, 1, 2], "best_validation_accuracy": [0.5, 0.6, 0.7, 0.8]})
    assert effects.REGISTRY["validates"].estimate(rows, 1, 0.1).effect == pytest.approx((0.55 + 0.7 + 0.8) / 3)
    rows = pd.DataFrame({"seed": [0, 0, 1, 1], "noise": ["none", "randY"] * 2, "norm": [1.0, 2.0, 3.0, 12.0]})
    assert effects.REGISTRY["grows"].estimate(rows, 1, 0.0, column="norm").effect == pytest.approx(np.log(8) / 2)
    assert effects.REGISTRY["grows"].base == np.e


def test_the_page_lists_every_test_of_claims_with_its_options():
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    for name, test in declared().items():
        options = ", ".join(option if option in test.needed else f"[{option}]" for option in test.options)
        assert f"| `{name}` | {options or 'none'} | {test.summary} |" in page


def test_the_page_lists_what_a_paper_may_say_of_itself_and_functions_that_there_are():
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8").partition("## A paper's text")[2]
    assert all(f"`{entry.name}`" in page for entry in fields(Paper) if entry.name not in ("name", "folder"))
    sources = "".join((ROOT / "papers" / name).read_text(encoding="utf-8") for name in ("results.typ", "style.typ"))
    named = set(re.findall(r"`#([a-z-]+)\(", page))
    assert {"ruled", "setting", "factor", "number", "cell"} <= named
    assert [name for name in sorted(named) if f"#let {name}(" not in sources and name != "figure"] == []


def test_every_table_is_in_the_page_on_files():
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    assert [figure for figure in FIGURES if f"\n| {figure} | " not in page] == []

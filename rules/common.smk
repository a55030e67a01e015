# What the rules share: the plan of each scale, and which files belong together. No rule here.
import re

from closerlook.claims.catalogue import ClaimError, load as load_claims
from closerlook.planning import rates
from closerlook.planning.cost import measuring_cost, noise_cost, together, training_cost
from closerlook.data.sets import SETS
from closerlook.measures import MEASURES
from closerlook.measures.declaration import ENSEMBLE, EXPERIMENT
from closerlook.runtime.hardware import count_gpus
from closerlook.planning.lineage import whole_tens
from closerlook.publish.quoting import (
    QuoteError,
    quoted_figures,
    quoted_claims,
    require_experiments,
    sources_of,
)
from closerlook.planning.plan import Plan, PlanError
from closerlook.spec import plain
from closerlook.things import ThingError

GPUS = min(1, count_gpus())  # a job takes one; the profile lets one job at a time have it


wildcard_constraints:
    scale="[^/]+",
    dataset="[^/]+",
    subset="[^/]+",
    noise="[^/]+",
    experiment="[^/]+",
    ensemble="[^/]+",
    figure="[^/.]+",


def ours(path):
    """Return a file of the project as it is seen from the working directory, which `--directory` may put elsewhere."""
    own = Path(ROOT, path)
    near = str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)
    return near if placed(near) == near else str(own)  # a module's prefix is for what is made, not for sources


@cache
def plan(scale):
    """Return what is to be done at a scale."""
    try:
        return Plan(configured(scale))
    except ConfigError as error:
        stop(error)


def planned(look):
    """Make an input or params function of a function of (plan, wildcards); what no experiment makes stops with one line."""

    def looked(wildcards):
        try:
            return look(plan(wildcards.scale), wildcards)
        # No module of a figure's name is a mistake in the config as well.
        except (PlanError, ThingError, ClaimError, QuoteError) as error:
            stop(error)

    return looked


def papers_of(wildcards):
    """Return the papers that a PDF is of: the one that its path names, or all."""
    papers = plan(wildcards.scale).config.papers
    name = getattr(wildcards, "paper", None)
    if not papers:
        stop(
            "no paper is named in the configuration, so there is none to typeset; the figures: snakemake --cores all figures"
        )
    if name is not None and name not in papers:
        stop(f"no paper {name!r} here; there are: {', '.join(papers)}")
    return list(papers.values()) if name is None else [papers[name]]


def sources(wildcards):
    """Return what the text of a PDF is typeset from."""
    return [ours(path) for path in sources_of(papers_of(wildcards), ROOT / "papers")]


def quoted(wildcards):
    """Return the drawings and numbers that a text quotes; one that it could not be typeset with after all is refused."""
    made, texts = plan(wildcards.scale).config, [Path(path) for path in sources(wildcards)]
    try:
        quoted_claims(texts, {claim.id: claim.is_logarithm for claim in claims(wildcards.scale)})
        require_experiments(texts, made.experiments)
        figures = quoted_figures(texts, made.figures)
    except QuoteError as error:
        stop(error)
    letters = [paper.name for paper in papers_of(wildcards) if not paper.file("section.typ")]
    figures += [name for name, figure in made.figures.items() if figure.paper in letters]  # shown where no text is
    return [
        f"results/{wildcards.scale}/{kind}"
        for figure in figures
        for kind in (f"figures/{figure}.svg", f"tables/{figure}.json")
    ]


def place_as_training(measures):
    """Send measures where a profile sends training (GPU, partition, ...), unless it names them; before the first rule."""
    reckoned = ("mem_mb", "gpu_mem_mb", "runtime", "resume_every")
    given = workflow.resource_settings.overwrite_resources
    like = {name: value for name, value in given.get(called("train"), {}).items() if name not in reckoned}
    for measure in map(called, measures if like else ()):
        given[measure] = type(given[called("train")])({**like, **given.get(measure, {})})


place_as_training(MEASURES.usable())


def gpus_of(rule):
    """Return the GPUs of a rule's jobs: what a profile gives it (`set-resources`), else what is here."""
    given = workflow.resource_settings.overwrite_resources.get(called(rule), {})
    return int(given["gpu"].value) if "gpu" in given else GPUS


def reserved(look, rule, amount):
    """Make a resource function of a function of (plan, wildcards, kind of device) that returns a `Cost`.

    `amount` is a function of (cost, device, attempt), from `closerlook.planning.rates`.
    """
    device = rates.device_for(gpus_of(rule))

    def reserve(wildcards, attempt):
        return amount(planned(lambda plan, wildcards: look(plan, wildcards, device.kind))(wildcards), device, attempt)

    return reserve


def longest_first(look, rule):
    """Make a priority function of what `reserved` takes: a long job that starts last is waited for by all cores."""
    device = rates.device_for(gpus_of(rule))

    def seconds(wildcards):
        cost = planned(lambda plan, wildcards: look(plan, wildcards, device.kind))(wildcards)
        return round(device.seconds(cost))

    return seconds


def cost_of_training(the_plan, wildcards, kind):
    return training_cost(the_plan.ensemble(wildcards.experiment, wildcards.ensemble), kind)


def cost_of_noise(the_plan, wildcards, kind):
    subset, data = the_plan.subset(wildcards.subset), the_plan.config.data
    return noise_cost(
        subset.dataset,
        subset.image_size,
        subset.examples,
        data.seeds,
        the_plan.noise(wildcards.noise),
    )


def dataset_identity(wildcards):
    if wildcards.dataset not in SETS:
        stop(f"no data set {wildcards.dataset!r}; there are: {', '.join(SETS.names())}")
    return SETS.identity(wildcards.dataset)


def paper_of(wildcards):
    """Return the short title of a figure's paper: the report is sorted by it."""
    made = plan(wildcards.scale).config
    letter = made.figures[wildcards.figure].paper if wildcards.figure in made.figures else ""
    return made.papers[letter].short if letter else ""


def trained(scale, folders):
    return [f"results/{scale}/{experiment}/{ensemble}/trained.h5" for experiment, ensemble in folders]


def measured(scale, folders, measure):
    if MEASURES[measure].over == EXPERIMENT:
        return [
            f"results/{scale}/{experiment}/{measure}.h5" for experiment in dict.fromkeys(name for name, _ in folders)
        ]
    return [f"results/{scale}/{experiment}/{ensemble}/{measure}.h5" for experiment, ensemble in folders]


def all_trained(scale):
    return trained(scale, [(name, one) for name, ensembles in plan(scale).ensembles.items() for one in ensembles])


def all_tables(wildcards):
    return [f"results/{wildcards.scale}/tables/{figure}.csv" for figure in plan(wildcards.scale).config.figures]


def all_data(wildcards):
    return sorted({f"data/{one.dataset}.h5" for one in plan(wildcards.scale).subsets.values()})


def all_results(scale):
    return [f"results/{scale}/{name}" for name in plan(scale).results()]


@cache
def claims(scale):
    """Return the papers' claims, held against the tables that they are about."""
    try:
        return load_claims(plan(scale).claims_files())
    except (ClaimError, ThingError) as error:
        stop(error)


def claims_files(scale):
    """Return the papers' files of claims, of which none is wrong."""
    claims(scale)
    return list(map(ours, plan(scale).claims_files()))


def noise_files(the_plan, wildcards):
    """Return the corrupted training sets of an ensemble, in the order of its noise kinds."""
    ensemble = the_plan.ensemble(wildcards.experiment, wildcards.ensemble)
    return [f"results/{wildcards.scale}/noise/{ensemble.subset}/{noise}.h5" for noise in ensemble.noises]


def data_file(the_plan, wildcards):
    return f"data/{the_plan.ensemble(wildcards.experiment, wildcards.ensemble).dataset}.h5"


def spec(the_plan, wildcards):
    return the_plan.ensemble(wildcards.experiment, wildcards.ensemble).to_json()


# A mistake is told now, before any work.
plan(CONFIG.scale)

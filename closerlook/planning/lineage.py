"""What each result is made from, as one digest: when it changes the result is made again, and never else.

A digest covers everything upstream: options, specifications, the code of every job on the way, published sums of data.
So a job needs no look at times, and one that was killed between two others is not mistaken for done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from closerlook import figures
from closerlook.claims import Claim, load
from closerlook.claims.tests import TESTS, declared
from closerlook.config.experiments import whole
from closerlook.data.noise import NOISES
from closerlook.data.sets import SETS
from closerlook.measures import MEASURES
from closerlook.planning.plan import Plan
from closerlook.publish.quoting import quoted_claims, quoted_figures
from closerlook.publish.wording import parts, sentences, words_of
from closerlook.regularizers import REGULARIZERS
from closerlook.runtime.fingerprints import content, digest, fingerprint
from closerlook.spec import Ensemble, plain
from closerlook.training.reach import modules_of


class Lineage:
    """The digests of everything that a plan makes.

    Parameters
    ----------
    plan : Plan
        What is made.
    scripts : Path
        The folder of the rules' scripts.
    """

    def __init__(self, plan: Plan, scripts: Path) -> None:
        self.plan, self.scripts = plan, scripts
        self._found: dict[tuple[Any, ...], str] = {}

    def _once(self, key: tuple[Any, ...], make: Callable[[], str]) -> str:
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]

    def _code(self, script: str, modules: Iterable[str] = (), appearance: bool = False) -> str:
        return fingerprint(self.scripts / f"{script}.py", *modules, appearance=appearance)

    def data(self, dataset: str) -> str:
        """Return that of ``data/<dataset>.h5``: its content alone, whichever source it came from."""
        return self._once(("data", dataset), lambda: SETS.identity(dataset))

    def noise(self, subset: str, kind: str) -> str:
        """Return that of a file of corrupted training sets, whatever seeds are in it: each seed stands for itself."""
        made = self.plan.subset(subset)
        options = [made.image_size, made.examples, kind]
        code = self._code("noise", NOISES.modules(kind))
        return self._once(("noise", subset, kind), lambda: digest(code, options, self.data(made.dataset)))

    def trained(self, experiment: str, ensemble: str) -> str:
        """Return that of ``trained.h5``."""
        spec = self.plan.ensemble(experiment, ensemble)

        def make() -> str:
            sources = [self.data(spec.dataset), *(self.noise(spec.subset, kind) for kind in spec.noises)]
            return digest(self._code("train", modules_of(spec)), spec.to_json(), sources)

        return self._once(("trained", experiment, ensemble), make)

    def measured(self, experiment: str, measure: str, ensemble: str = "") -> str:
        """Return that of a measure's file of one ensemble; without one, of the whole experiment."""
        options = plain(self.plan.measure(experiment, measure))
        ensembles = [ensemble] if ensemble else list(self.plan.ensembles[experiment])

        def make() -> str:
            specs = [self.plan.ensemble(experiment, each) for each in ensembles]
            modules = {*MEASURES.modules(measure), *(module for spec in specs for module in modules_of(spec))}
            trained = [self.trained(experiment, each) for each in ensembles]
            return digest(self._code("measure", sorted(modules)), options, trained)

        return self._once(("measured", experiment, measure, ensemble), make)

    def figure(self, figure: str) -> str:
        """Return that of a figure's table, its numbers and its drawings."""

        def make() -> str:
            plan = self.plan
            made = [self.trained(*folder) for folder in plan.figure_folders(figure)]
            for measure in plan.figure_measures(figure):
                made += [
                    self.measured(folder[0], measure, folder[1]) for folder in plan.figure_folders(figure, measure)
                ]
            looks = {module for spec in plan.figure_ensembles(figure) for module in _drawn(spec)}
            settings = [whole(plan.config.experiments[name]) for name in plan.config.figures[figure].experiments]
            code = self._code("figure", [*figures.modules_of(figure), *sorted(looks)], appearance=True)
            return digest(code, made, settings, content(plan.original_values(figure)))

        return self._once(("figure", figure), make)

    def claims(self) -> str:
        """Return that of ``claims.json``."""
        return self._once(("claims",), lambda: self._judged(self._claims))

    def _judged(self, claims: Iterable[Claim]) -> str:
        """Return that of the verdicts on claims: their tests' code, what their files say, the tables they are about."""
        claims, known = list(claims), declared()
        modules = {module for claim in claims for module in TESTS.modules(known[claim.test].thing)}
        papers = {claim.paper for claim in claims}
        files = [path for path in self.plan.claims_files() if path.parent.name in papers]
        shown = {claim.figure for claim in claims} & set(self.plan.config.figures)
        code = self._code("claims", ["closerlook.claims.judging", *sorted(modules)])
        return digest(code, content(files), [self.figure(figure) for figure in sorted(shown)])

    def provenance(self) -> str:
        """Return that of ``provenance.json``."""
        return self._once(("provenance",), lambda: self._noted(self._told))

    def _noted(self, told: Mapping[str, Any]) -> str:
        """Return that of what is noted of some experiments: their settings, networks, and their things' words."""
        config = self._settings
        settings = {name: config["experiments"][name] for name in told["experiments"]}
        trained = [self.trained(name, one) for name in settings for one in self.plan.ensembles[name]]
        said = [words_of(told["uses"]), sentences(told["uses"])]
        used = {name for options in settings.values() for name in options["dataset"]}
        data = {**config["data"], "own": {name: own for name, own in config["data"]["own"].items() if name in used}}
        return digest(self._code("provenance"), config["scale"], data, settings, trained, said)

    def text(self, papers: Collection[str], sources: Iterable[str | Path]) -> str:
        """Return that of a PDF of some papers, typeset from `sources`; what other papers hold is nothing to it."""

        def make() -> str:
            texts, every, made = list(map(Path, sources)), self._claims, self.plan.config.figures
            quoted = quoted_claims(texts, {claim.id: claim.is_logarithm for claim in every})
            judged = [claim for claim in every if claim.paper in papers or claim.id in quoted]
            shown = {*quoted_figures(texts, made), *(name for name, figure in made.items() if figure.paper in papers)}
            told = self._told["papers"]
            noted = [self._noted(told[paper]) for paper in sorted(papers) if paper in told]
            figures = [self.figure(figure) for figure in sorted(shown)]
            return digest(self._code("paper"), content(texts), self._judged(judged), noted, figures)

        # Rules ask for it with every input and parameter, and to read the texts takes a twentieth of a second.
        return self._once(("text", *sorted(papers)), make)

    def manifest(self, sources: Iterable[str | Path]) -> str:
        """Return that of ``manifest.json``, the commit aside."""
        text = self.text(self.plan.config.papers, sources)
        return digest(self._code("manifest"), text, self.provenance(), self.claims(), self.plan.results())

    @cached_property
    def _claims(self) -> list[Claim]:
        return load(self.plan.claims_files())

    @cached_property
    def _told(self) -> dict[str, Any]:
        return parts(self._settings, {})

    @cached_property
    def _settings(self) -> dict[str, Any]:
        return json.loads(self.plan.config.to_json())


def _drawn(spec: Ensemble) -> list[str]:
    """Return the modules of the things that are spoken of or drawn where an ensemble is."""
    modules = list(SETS.modules(spec.dataset))
    for kind in spec.noises:
        modules += NOISES.modules(kind)
    for regularizer in spec.regularizers:
        modules += REGULARIZERS.modules(regularizer)
    return modules


def whole_tens(seeds: int) -> int:
    """Return how many seeds of corrupted training sets are drawn where so many are wanted: more keep what is there."""
    return 10 * ceil(seeds / 10)

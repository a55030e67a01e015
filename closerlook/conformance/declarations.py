"""What is read of things that cannot be tried apart from their data: data sets, tables, figures, tests of claims."""

from __future__ import annotations

import inspect
from math import prod
from typing import Any

from closerlook.claims.tests import TESTS, declared
from closerlook.claims.tests.effects import REGISTRY
from closerlook.conformance.small import hold
from closerlook.data.fetching.sources import reader_of
from closerlook.data.sets import PARTS, SETS
from closerlook.figures import modules_of
from closerlook.figures.rendering import figure_modules
from closerlook.measures import MEASURES
from closerlook.tables import TABLES
from closerlook.things import constant


def try_data_set(name: str) -> str:
    """Hold its sums, its sizes and its readers to be there; nothing is fetched."""
    dataset = SETS[name]
    if missing := [part for part in PARTS if part not in dataset.sha256]:
        hold(dataset.check, f"sha256 lacks {missing[0]}, and no check stands in for it")
    hold(prod(dataset.image_shape) > 0 and len(dataset.image_shape) == 3, "image_shape must be (channel, row, column)")
    hold(
        dataset.classes > 1 and dataset.training > 0 and dataset.validation > 0,
        "it needs classes, training and validation",
    )
    hold(dataset.sources or dataset.read_folder, "it needs sources, or read_folder")
    for named in (dataset.read_folder, dataset.check, *(source.read for source in dataset.sources)):
        if named is not None:
            hold(callable(reader_of(named)), f"{named} is no function")
    return "not fetched"


def try_table(name: str) -> str:
    """Hold its declaration, and how it is called."""
    _hold_table(f"{TABLES.package}.{name}", TABLES.module(name))
    return "not run"


def try_figure(name: str) -> str:
    """Hold how it is drawn, and the declaration of its table, which may be its own."""
    table, drawn = figure_modules(name)
    _hold_table(modules_of(name)[0], table)
    _hold_call(drawn.draw, "draw", 1)
    return "not drawn"


def _hold_table(dotted: str, module: Any) -> None:
    for text in ("MEASURES", "COLUMNS"):
        value = constant(dotted, text)
        hold(
            isinstance(value, tuple) and all(isinstance(one, str) for one in value), f"{text} must be a tuple of names"
        )
    for measure in constant(dotted, "MEASURES"):
        hold(measure in MEASURES, f"MEASURES: there is no measure {measure}")
    hold(callable(getattr(module, "tabulate", None)), "it needs tabulate(trained, measured, targets)")
    _hold_call(module.tabulate, "tabulate", 3)
    if hasattr(module, "prose"):
        _hold_call(module.prose, "prose", 2)


def _hold_call(function: Any, name: str, arguments: int) -> None:
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError as error:
        hold(False, f"{name} cannot be called with {arguments} arguments ({error})")


def try_claim_tests(name: str) -> str:
    """Hold each test to be registered, with a docstring and columns that are read without importing it."""
    TESTS.module(name)
    found = [test for test, said in declared().items() if said.thing == name]
    hold(found, "it registers no test")
    for test in found:
        hold(not declared()[test].problem, declared()[test].problem)
        hold(test in REGISTRY, f"{test} is not registered")
        hold(REGISTRY[test].function.__doc__, f"{test} needs a docstring")
    return "not run"

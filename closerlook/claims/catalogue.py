"""A paper's claims.yaml: each of its claims as data, checked strictly, and expanded where one entry stands for several.

An entry with `each` stands for the product of its choices::

    - id: A2-{noise}-{dataset[name]}
      each:
        noise: [randX, randY]                               # {noise} is the word
        dataset: [{name: mnist, words: MNIST}, ...]         # {dataset[name]}, {dataset[words]}
      where: {noise: [none, "{noise}"]}

Choices vary fastest at the end, ids must come out distinct, and braces are replaced in every text of the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from itertools import product
from pathlib import Path

from closerlook.claims.tests import Declared, declared, unread
from closerlook.claims.values import ValueProblem, check_value
from closerlook.config.names import require_names
from closerlook.config.yamlfile import YamlError, read_yaml
from closerlook.things import ThingError, constant, find_module, room

SIDES = {"increase": 1, "above": 1, "decrease": -1, "below": -1}
"""What a claim may expect of its effect, and the side of the threshold that it means."""

COMPARISONS = {"below": "lt", "at_most": "le", "above": "gt", "at_least": "ge"}


class ClaimError(ValueError):
    """A claim is not what claims.yaml may hold, or does not fit its table; the message is one line."""


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, and how it is tested.

    `figure` names the table, `where` the rows: column -> a value, a list of values, a pattern with ``*``, or bounds
    such as ``{below: 1}``. `test` names a function of the room `closerlook.claims.tests`, `options` are its
    keywords (`with` in the file). `expected` is the side of `threshold` on which the effect must lie.
    """

    id: str
    paper: str
    statement: str
    source: str
    figure: str
    test: str
    expected: str
    threshold: float = 0.0
    where: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    note: str = ""

    @property
    def side(self) -> int:
        """+1 when the effect is expected above the threshold, -1 below."""
        return SIDES[self.expected]

    @property
    def is_logarithm(self) -> bool:
        """Whether its effect is one, and can be written as a factor."""
        return declared()[self.test].is_logarithm


KEYS = {"with" if entry.name == "options" else entry.name for entry in fields(Claim)} | {"each"}
REQUIRED = ("id", "paper", "statement", "source", "figure", "test", "expected")


def load(paths: str | Path | Sequence[str | Path]) -> list[Claim]:
    """Return the claims of YAML files in their order, expanded and checked.

    A claim is of the paper in whose folder its file lies.

    Raises
    ------
    ClaimError
        If a file cannot be read, an entry has an unknown or missing key, names an unknown test, figure, direction or
        option, or two claims have one id; one line that names the claim and what is allowed.
    """
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    claims = [claim for path in files for claim in _of_file(path)]
    names = [claim.id for claim in claims]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ClaimError(f"{', '.join(map(str, files))}: more than one claim is called {', '.join(repeated)}")
    return claims


def _of_file(path: Path) -> list[Claim]:
    try:
        entries = read_yaml(path)
    except YamlError as error:
        raise ClaimError(str(error)) from None
    entries = [] if entries is None else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ClaimError(f"{path}: must be a list of claims")
    paper, tests = path.resolve().parent.name, declared()
    try:
        return [_claim({"paper": paper, **one}, tests) for entry in entries for one in _expand(entry)]
    except ClaimError as error:
        raise ClaimError(f"{path}: {error}") from None


def _expand(entry: dict) -> list[dict]:
    """Return the entries that one with `each` stands for: the product of its choices, braces replaced."""
    if "each" not in entry:
        return [entry]
    choices, rest = entry["each"], {key: value for key, value in entry.items() if key != "each"}
    if not isinstance(choices, dict) or not all(isinstance(options, list) for options in choices.values()):
        raise ClaimError(f"claim {entry.get('id')}: 'each' must map names to lists of choices")
    combinations = (dict(zip(choices, values, strict=True)) for values in product(*choices.values()))
    try:
        return [_fill(rest, combination) for combination in combinations]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ClaimError(f"claim {entry.get('id')}: braces that 'each' does not fill: {error}") from None


def _fill(value: object, choices: Mapping[str, object]) -> object:
    match value:
        case str():
            return value.format_map(choices)
        case dict():
            return {key: _fill(part, choices) for key, part in value.items()}
        case list():
            return [_fill(part, choices) for part in value]
    return value


def _claim(entry: dict, tests: Mapping[str, Declared]) -> Claim:
    name = f"claim {entry.get('id', '(without id)')}"
    if unknown := sorted(set(map(str, entry)) - KEYS):
        raise ClaimError(f"{name}: unknown key {', '.join(unknown)}; allowed: {', '.join(sorted(KEYS))}")
    if missing := [key for key in REQUIRED if not isinstance(entry.get(key), str)]:
        raise ClaimError(f"{name}: needs text for {', '.join(missing)}")
    for key, allowed in (("test", tests), ("expected", SIDES)):
        if entry[key] not in allowed:
            aside = [f"not read: {problem}" for problem in unread()] if key == "test" else []
            raise ClaimError(
                "; ".join([f"{name}: unknown {key} '{entry[key]}'", f"allowed: {', '.join(allowed)}", *aside])
            )
    if entry["figure"] not in (figures := room("figures")):
        raise ClaimError(f"{name}: unknown figure '{entry['figure']}'; there are: {', '.join(figures.names())}")
    threshold = entry.get("threshold", 0.0)
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise ClaimError(f"{name}: threshold must be a number, not {threshold!r}")
    options, where = entry.get("with", {}), entry.get("where", {})
    _check_test(name, tests[entry["test"]])
    _check_options(name, entry["test"], tests[entry["test"]], options)
    _check_where(name, where)
    rest = {key: value for key, value in entry.items() if key != "with"}
    claim = Claim(**{**rest, "threshold": float(threshold), "options": options, "where": where})
    _check_columns(name, claim, tests)
    return claim


def _check_test(name: str, test: Declared) -> None:
    if test.problem:
        raise ClaimError(f"{name}: {test.problem}")
    try:
        require_names(test.source)  # the job would stop at such a line, after all training
    except ThingError as error:
        raise ClaimError(f"{name}: {error}") from None


def _check_options(name: str, test: str, takes: Declared, options: object) -> None:
    if not isinstance(options, dict) or set(options) - set(takes.options):
        raise ClaimError(f"{name}: test {test} takes as 'with' only: {', '.join(takes.options) or 'nothing'}")
    if missing := [option for option in takes.needed if option not in options]:
        raise ClaimError(f"{name}: test {test} needs 'with: {', '.join(missing)}'")


def _check_where(name: str, where: object) -> None:
    if not isinstance(where, dict):
        raise ClaimError(f"{name}: 'where' must map columns to what they may be")
    for column, wanted in where.items():
        if isinstance(wanted, dict) and (set(wanted) - set(COMPARISONS) or not wanted):
            raise ClaimError(f"{name}: where {column}: bounds are {', '.join(COMPARISONS)}")
        if isinstance(wanted, list) and not wanted:
            raise ClaimError(f"{name}: where {column}: needs a value at least")
        bounds = isinstance(wanted, dict)
        for value in wanted.values() if bounds else wanted if isinstance(wanted, list) else [wanted]:
            try:
                check_value(str(column), value, bounds, pattern=not isinstance(wanted, list))
            except ValueProblem as problem:
                raise ClaimError(f"{name}: where {column}: {problem}") from None


def _check_columns(name: str, claim: Claim, tests: Mapping[str, Declared]) -> None:
    """Refuse columns that the claim's table lacks; a table whose columns cannot be known before it is made may pass."""
    rooms = (f"closerlook.{kind}.{claim.figure}" for kind in ("tables", "figures"))
    module = next(module for module in rooms if find_module(module))
    columns = _columns(module, find_module(module))
    if columns and (lacking := sorted(columns_of(claim, tests) - {*columns, "source"})):
        raise ClaimError(
            f"{name}: table '{claim.figure}' has no column {', '.join(lacking)}; it has: {', '.join(columns)}"
        )


@cache
def _columns(module: str, path: Path) -> tuple[str, ...]:
    try:
        return tuple(constant(module, "COLUMNS"))
    except ThingError:
        return ()


def columns_of(claim: Claim, tests: Mapping[str, Declared] | None = None) -> set[str]:
    """Return the table columns that a claim reads."""
    needed = (declared() if tests is None else tests)[claim.test].columns
    named = {str(claim.options[key]) for key in ("column", "swept") if claim.options.get(key) is not None}
    return {*map(str, claim.where), *needed, *named}

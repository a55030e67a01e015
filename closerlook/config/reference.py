"""The reference pages that are generated: `docs/options.md`, `config.schema.json`, and the tables of `docs/files.md`.

``python -m closerlook.config.reference`` rewrites them; a test fails while one is outdated. What things are called,
what they mean and which options they have is asked of the rooms.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from closerlook.config.describing import kind_words, meanings, option_schema, section_schema
from closerlook.config.filetables import with_tables
from closerlook.config.layers import SCALES
from closerlook.config.options import COMBINED, DataOptions, ExperimentOptions, FigureOptions
from closerlook.data.own import OwnDataSet
from closerlook.measures import MEASURES
from closerlook.regularizers import REGULARIZERS
from closerlook.spec import Answers, Checkpoints, Schedule, plain, types_of
from closerlook.store import replacing
from closerlook.things import room

ROOT = Path(__file__).parents[2]
COMMAND = "python -m closerlook.config.reference"
SECTIONS: tuple[tuple[str, str, type], ...] = (
    ("data", "data", DataOptions),
    ("data.own.<name>", "own data set", OwnDataSet),
    ("experiments.<name>", "experiment", ExperimentOptions),
    ("experiments.<name>.learning_rate_schedule` and `.batch_size_schedule", "schedule", Schedule),
    ("experiments.<name>.answers", "answers", Answers),
    ("experiments.<name>.checkpoints", "checkpoints", Checkpoints),
    ("figures.<name>", "figure", FigureOptions),
)
"""Heading, name and type of every section of the configuration, in the order of the page."""

THINGS = (
    ("Data sets", "data.sets", "dataset"),
    ("Kinds of noise", "data.noise", "noise"),
    ("Networks", "nets", "network"),
    ("Objectives", "objectives", "objective"),
    ("Optimisers", "optimizers", "optimizer"),
    ("Regularizers", "regularizers", "regularizers"),
    ("Measures", "measures", "measures"),
)
"""Heading, room, and the option of an experiment that names its things."""

INTRODUCTION = f"""\
# Options of the configuration

<!-- Generated from closerlook/config/options.py and the things by `{COMMAND}`; do not edit. -->

`config.yaml` names the papers, and is laid over their experiments and figures (`papers/<paper>/experiments.yaml`):
what it says of an experiment replaces those options alone, `null` in place of an experiment or a figure drops it. A
second `--configfile` lies over both, `--config` over all. An unknown key or an impossible value is refused before any
job runs, in one line that names the file, the key and what is allowed. `config.schema.json` is the same as a JSON
schema: editors that know YAML schemas complete and check the file as you type.

* `scale`: {", ".join(SCALES)}; on the command line `--config scale=paper`.
* `papers`: names of folders in `papers/`, or paths of folders anywhere.
* `own`: folders of your own with rooms of things ([extending](extending.md)).
* Paths in a file start from its folder, those of `--config` from the working directory. Names under `papers` are looked
  for in closerlook's `papers/` and one beside the file first. Paths under `papers` and `own` that are not there, and
  `data.folder` first of all, are looked for from the working directory as well.
* A later file's `papers` or `own` replaces the whole list of an earlier one.
* Targets stand before `--configfile`, which takes every word after it for a file, as in
  `snakemake figures --configfile mine.yaml`.
* `data`, `experiments` and `figures` are the sections below.
* `scales`, in `data` and in each experiment, gives what differs at a scale:
  `scales: {{smoke: {{seeds: 3}}}}`. A value given there replaces the whole value, also where that is a mapping; an
  experiment with `scales: {{quick: null}}` is not made at that scale.
* A list is an axis of an experiment's grid, and where a list stands for an axis a single value will do.
"""


def options_page() -> str:
    """Return the content of `docs/options.md`."""
    parts = [INTRODUCTION, *(_section(f"`{heading}`", kind) for heading, _, kind in SECTIONS)]
    for heading, package, option in THINGS:
        parts.append(_things(heading, package, option))
        parts += [
            _section(f"Options of `{name}`", options)
            for name in room(package).names()
            if package in ("nets", "regularizers", "measures")
            and (options := getattr(room(package)[name], "options", None))
            and fields(options)
        ]
    return "\n".join(parts)


def _section(heading: str, kind: type) -> str:
    lines = [
        f"## {heading}",
        "",
        _first_paragraph(kind),
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    words = meanings(kind)
    for entry in fields(kind):
        annotation = types_of(kind)[entry.name]
        lines.append(f"| `{entry.name}` | {kind_words(annotation)} | {_default(entry)} | {words[entry.name]} |")
    return "\n".join([*lines, ""])


def _default(entry: Field) -> str:
    if entry.default is not MISSING:
        return f"`{json.dumps(plain(entry.default))}`"
    if entry.default_factory is MISSING:
        return "required"
    value = plain(entry.default_factory())
    return f"`{json.dumps(value)}`" if value else "none"


def _first_paragraph(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def _things(heading: str, package: str, option: str) -> str:
    lines = [
        f"## {heading}",
        "",
        f"What `{option}` of an experiment may name.",
        "",
        "| name | what it is |",
        "|---|---|",
    ]
    here = room(package)
    for name in here.names():
        meaning = getattr(here[name], "meaning", "") if package == "regularizers" else ""
        lines.append(f"| `{name}` | {here.summary(name)}{f' Strength: {meaning}.' if meaning else ''} |")
    return "\n".join([*lines, ""])


def schema() -> dict[str, Any]:
    """Return `config.schema.json`: the configuration as JSON schema, `scales` included.

    What only holds between keys (a batch that fits the examples, an experiment that a figure names) is left to the
    program, and so is which keys must be there: a layer or a scale may give what another leaves out.
    """
    definitions = {name: section_schema(kind, _first_paragraph(kind)) for _, name, kind in SECTIONS}
    definitions["experiment"]["properties"] |= {
        "regularizers": _regularizers(),
        "measures": _by_name(MEASURES, lambda name: {"anyOf": [_options("measure", name), {"type": "null"}]}),
        "network_options": {"type": "object"},
    }
    for name in MEASURES.names():
        definitions[f"measure {name}"] = section_schema(MEASURES[name].options, MEASURES.summary(name))
    for name in ("data", "experiment"):
        definitions[f"{name}-at-a-scale"] = dict(definitions[name], properties=dict(definitions[name]["properties"]))
        there: dict[str, Any] = {"$ref": f"#/$defs/{name}-at-a-scale"}
        there = there if name == "data" else {"anyOf": [there, {"type": "null"}]}
        own = {"type": "object", "properties": dict.fromkeys(SCALES, there), "additionalProperties": False}
        definitions[name]["properties"]["scales"] = {**own, "description": "what differs at a scale"}
    named = {"type": "array", "items": {"type": "string"}}
    top = {
        "scale": {"enum": list(SCALES), "description": "the size at which everything is done"},
        "papers": {**named, "description": "names of folders in papers/, or paths"},
        "own": {**named, "description": "folders of your own with rooms of things"},
        "data": {"$ref": "#/$defs/data"},
        "experiments": _droppable("experiment"),
        "figures": _droppable("figure"),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "closerlook: config.yaml",
        "type": "object",
        "properties": top,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _droppable(name: str) -> dict[str, Any]:
    either = {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}
    return {"type": "object", "additionalProperties": either}


def _options(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{kind} {name}"}


def _by_name(here: Any, of: Any) -> dict[str, Any]:
    """Return an object with a property for each thing; those of the user's own are not known here."""
    return {
        "type": "object",
        "properties": {name: of(name) for name in (here if isinstance(here, dict) else here.names())},
    }


def _regularizers() -> dict[str, Any]:
    found = _by_name(REGULARIZERS, lambda name: _one_or_several(option_schema(REGULARIZERS[name].strength)))
    several = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}}
    found["properties"][COMBINED] = several
    return found


def _one_or_several(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [part, {"type": "array", "items": part}]}


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Return every generated page: where it goes, and what it should hold."""
    return {
        root / "docs" / "options.md": options_page(),
        root / "config.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
        root / "docs" / "files.md": with_tables((ROOT / "docs" / "files.md").read_text(encoding="utf-8")),
    }


def outdated(root: Path = ROOT) -> list[str]:
    """Return a line for each generated page that is missing or outdated: its first difference and the remedy."""
    found = []
    for path, wanted in pages(root).items():
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        if present != wanted:
            name = path.relative_to(root)
            found.append(f"{name} is outdated; renew it by `{COMMAND}`: {_difference(present, wanted)}")
    return found


def _difference(present: str, wanted: str) -> str:
    def changes() -> Iterator[str]:
        for line in difflib.unified_diff(present.splitlines(), wanted.splitlines(), lineterm="", n=0):
            if line[:1] in "+-" and line[:3] not in ("+++", "---"):
                yield line

    return " / ".join(line for line, _ in zip(changes(), range(4), strict=False))


def main() -> None:
    """Rewrite the generated pages."""
    for path, content in pages().items():
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The reference pages that are generated from the config models: `docs/options.md` and `config.schema.json`.

``python -m closerlook.config.reference`` rewrites both; a test fails while one is outdated.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, BeforeValidator

from closerlook.config.options import (
    AnswerOptions,
    CheckpointOptions,
    CriticalSamplesOptions,
    CurvatureOptions,
    DataOptions,
    ExperimentOptions,
    FigureOptions,
    LassOptions,
    Measures,
    Regularizers,
    ScheduleOptions,
    SensitivityOptions,
)
from closerlook.config.reading import SCALES
from closerlook.store import replacing

ROOT = Path(__file__).parents[2]
COMMAND = "python -m closerlook.config.reference"
SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("data", "data", DataOptions),
    ("experiments.<name>", "experiment", ExperimentOptions),
    ("experiments.<name>.learning_rate_schedule` and `.batch_size_schedule", "schedule", ScheduleOptions),
    ("experiments.<name>.regularizers", "regularizers", Regularizers),
    ("experiments.<name>.lass", "lass", LassOptions),
    ("experiments.<name>.answers", "answers", AnswerOptions),
    ("experiments.<name>.checkpoints", "checkpoints", CheckpointOptions),
    ("experiments.<name>.measures", "measures", Measures),
    ("experiments.<name>.measures.curvature", "curvature", CurvatureOptions),
    ("experiments.<name>.measures.critical_samples", "critical_samples", CriticalSamplesOptions),
    ("experiments.<name>.measures.sensitivity", "sensitivity", SensitivityOptions),
    ("figures.<name>", "figure", FigureOptions),
)
"""Heading, name and model of every section of `config.yaml`, in the order of the page."""

INTRODUCTION = f"""\
# Options of `config.yaml`

<!-- Generated from closerlook/config/options.py by `{COMMAND}`; do not edit. -->

`config.yaml` holds every experiment at every scale. An unknown key or an impossible value is refused before any job
runs, in one line that names the key and what is allowed. `config.schema.json` is the same as a JSON schema: editors
that know YAML schemas complete and check the file as you type.

* `scale`: {", ".join(SCALES)}; on the command line `--config scale=paper`.
* `data`, `experiments` and `figures` are the sections below.
* `scales`, in `data` and in each experiment, gives what differs at a scale:
  `scales: {{smoke: {{seeds: 3}}}}`. A value given there replaces the whole value, also where that is a mapping; an
  experiment with `scales: {{quick: null}}` is not made at that scale.
* A list is an axis of an experiment's grid, and where a list stands for an axis a single value will do.
"""


def options_page() -> str:
    """Return the content of `docs/options.md`."""
    return "\n".join([INTRODUCTION, *(_section(heading, model) for heading, _, model in SECTIONS)])


def _section(heading: str, model: type[BaseModel]) -> str:
    schema = _model_schema(model)
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    lines = [
        f"## `{heading}`",
        "",
        _first_paragraph(model),
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, part in schema["properties"].items():
        default = "required" if name in required else f"`{json.dumps(part.get('default'))}`"
        default = "see its section" if "$ref" in part else default
        lines.append(f"| `{name}` | {_words(part)} | {default} | {part.get('description', '')} |")
    return "\n".join([*lines, ""])


def _first_paragraph(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _words(part: Mapping[str, Any]) -> str:
    """Return in words what a schema allows."""
    if "anyOf" in part:
        one, other = part["anyOf"]
        return f"{_words(one)}, or {'a list of such' if other.get('items') == one else _words(other)}"
    if "$ref" in part:
        return "a section"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    match part.get("type"):
        case "array":
            return f"list; each {_words(part['items'])}"
        case "object":
            keys = part.get("propertyNames", {})
            words = _words(keys) if keys.get("enum") else "whole number"
            return f"mapping; key {words}, value {_words(part['additionalProperties'])}"
        case "null":
            return "`null`"
        case "boolean":
            return "`true` or `false`"
        case "string":
            return "text"
    word = "whole number" if part["type"] == "integer" else "number"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join([word, ", ".join(f"{sign} {part[key]}" for key, sign in bounds.items() if key in part)]).strip()


def schema() -> dict[str, Any]:
    """Return `config.schema.json`: the whole of `config.yaml` as JSON schema, `scales` included.

    What only holds between keys (a batch that fits the examples, an experiment that a figure names) is left to the
    models, and so is which keys must be there: a scale may give what the rest leaves out.
    """
    definitions: dict[str, Any] = {}
    for _, name, model in SECTIONS:
        definitions[name] = _definition(name, model)
    for name in ("data", "experiment"):
        section = {**definitions[name]["properties"]}
        definitions[f"{name}-at-a-scale"] = {**definitions[name], "properties": section}
        there: dict[str, Any] = {"$ref": f"#/$defs/{name}-at-a-scale"}
        words = "what differs at a scale; each value replaces the whole value"
        if name == "experiment":
            there = {"anyOf": [there, {"type": "null"}]}
            words += "; null: it is not made there"
        scales = dict.fromkeys(SCALES, there)
        own = {"type": "object", "description": words, "properties": scales, "additionalProperties": False}
        definitions[name] = {**definitions[name], "properties": {**section, "scales": own}}
    top = {
        "scale": {"enum": list(SCALES), "description": "the size at which everything is done"},
        "papers": {
            "$ref": "#/$defs/folders",
            "description": "folders of papers/, or paths of folders",
        },
        "own": {
            "$ref": "#/$defs/folders",
            "description": "folders with rooms of your own, such as noise/",
        },
        "data": {"$ref": "#/$defs/data"},
        **{
            f"{name}s": {
                "type": "object",
                "description": "what a paper has, and what is laid over it option by option; null drops one",
                "additionalProperties": {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]},
            }
            for name in ("experiment", "figure")
        },
    }
    definitions["folders"] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "closerlook: config.yaml, and a paper's experiments.yaml",
        "type": "object",
        "properties": top,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _definition(name: str, model: type[BaseModel]) -> dict[str, Any]:
    whole = _model_schema(model)
    kept = {"type": "object", "description": _first_paragraph(model), "properties": whole["properties"]}
    return {**kept, "additionalProperties": False}


def _model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema; sections refer to `SECTIONS` by name, and an axis may be a single value."""
    names = {other.__name__: name for _, name, other in SECTIONS}
    found = _tidy(model.model_json_schema(), names)
    for name, field in model.model_fields.items():
        # A list behind a validator is an axis, for which a single value may stand.
        if any(isinstance(one, BeforeValidator) for one in field.metadata) and "items" in found["properties"][name]:
            part = found["properties"][name]
            shared = {key: part.pop(key) for key in ("description", "default") if key in part}
            found["properties"][name] = {"anyOf": [part["items"], part], **shared}
    return found


def _tidy(part: Any, names: Mapping[str, str]) -> Any:
    """Return a schema without pydantic's titles, its references pointing to the sections' names."""
    if isinstance(part, list):
        return [_tidy(one, names) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: value for key, value in part.items() if not (key == "title" and isinstance(value, str)) and key != "$defs"
    }
    if "$ref" in kept:
        kept["$ref"] = "#/$defs/" + names[kept["$ref"].rsplit("/")[-1]]
    return {key: _tidy(value, names) for key, value in kept.items()}


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Return every generated page: where it goes, and what it should hold."""
    return {
        root / "docs" / "options.md": options_page(),
        root / "config.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
    }


def outdated(root: Path = ROOT) -> list[str]:
    """Return a line for each generated page that is missing or outdated: its first difference and the remedy."""
    found = []
    for path, wanted in pages(root).items():
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        if present != wanted:
            found.append(
                f"{path.relative_to(root)} is outdated; renew it by `{COMMAND}`: {_difference(present, wanted)}"
            )
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

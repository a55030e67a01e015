"""The generated reference pages are those of the config models, and the schema accepts what the models accept."""

from __future__ import annotations

import copy
import json
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
from shipped import shipped

from closerlook.config import reference
from closerlook.config.filetables import marked, with_tables
from closerlook.config.reading import SCALES, ConfigError, read_config
from closerlook.measures import MEASURES
from closerlook.store.layouts import LAYOUTS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> dict:
    """The real config.yaml. Keys are text there, as every editor that knows JSON schemas reads them."""
    return json.loads(json.dumps(shipped()))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """The schema as it lies at the root of the project."""
    schema = json.loads((ROOT / "config.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_generated_pages_are_up_to_date():
    assert not reference.outdated(), "\n".join(reference.outdated())


def test_an_outdated_page_is_named_with_its_difference_and_the_command(tmp_path):
    for path, content in reference.pages(tmp_path).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content.replace("a folder of yours with the official files", "nothing"), "utf-8")
    lines = reference.outdated(tmp_path)
    assert [line.split(" ")[0] for line in lines] == ["docs/options.md", "config.schema.json"]
    for line in lines:
        assert reference.COMMAND in line
        assert "nothing" in line
        assert "with the official files" in line
        assert "\n" not in line


def test_the_page_on_files_has_the_table_of_every_kind_of_file_that_stays():
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    assert set(marked(page)) == {*LAYOUTS, *MEASURES.names()} - {"resume"}


def test_a_column_is_on_the_page_with_its_shape_kind_and_words():
    page = with_tables("before\n<!-- layout of curvature -->\nold\n<!-- end -->\nafter\n")
    assert "old" not in page
    column = MEASURES["curvature"].writes["{checkpoint}/trace"]
    assert f"| `<checkpoint>/trace` | (member) | {column.kind} | {column.words} |" in page
    assert page.startswith("before\n")
    assert page.endswith("after\n")


def test_every_option_of_every_section_is_on_the_page():
    page = reference.options_page()
    missing = [
        f"{heading}: {option}"
        for heading, _, model in reference.SECTIONS
        for option in (entry.name for entry in fields(model))
        if f"| `{option}` |" not in page.split(f"## `{heading}`", 1)[1].split("\n## ")[0]
    ]
    assert not missing


def test_schema_accepts_the_real_config(config, validator):
    assert [error.message for error in validator.iter_errors(config)] == []


def change(config: dict, path: str, value: object) -> dict:
    """Return a copy with one value set, at a path such as ``experiments.capacity.seeds``."""
    changed = copy.deepcopy(config)
    *sections, last = path.split(".")
    place = changed
    for section in sections:
        place = place.setdefault(section, {})
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("colour", 1),
        ("scale", "huge"),
        ("data.sedes", 3),
        ("data.scales.smoke.sedes", 3),
        ("experiments.capacity.widht", [8]),
        ("experiments.capacity.scales.smoke.widht", [8]),
        ("experiments.capacity.scales.huge", {}),
        ("experiments.capacity.width", 0),
        ("experiments.capacity.noise.randX", [1.5]),
        ("experiments.sharpness.measures.curvature.tolerance", 0),
        ("figures.capacity.experiment", ["capacity"]),
    ],
)
def test_schema_and_models_refuse_the_same(config, validator, path, value):
    changed = change(config, path, value)
    assert not validator.is_valid(changed), f"the schema accepts {path}: {value}"
    with pytest.raises(ConfigError):
        for scale in SCALES:
            read_config(changed, scale)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("experiments.capacity.width", 32),
        ("experiments.capacity.width", [32, 64]),
        ("experiments.capacity.dataset", "fashion"),
        ("experiments.sharpness.measures.curvature", None),
        ("experiments.capacity.after_fit", None),
        ("experiments.capacity.scales.paper.learning_rate_schedule", {"stages": {"5": 0.5}, "period": 10}),
    ],
)
def test_schema_and_models_accept_the_same(config, validator, path, value):
    changed = change(config, path, value)
    assert [error.message for error in validator.iter_errors(changed)] == []
    read_config(changed)

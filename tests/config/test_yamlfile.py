"""A file that people write is read as it is meant, or refused in one line with the place."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from shipped import CONFIG, ROOT

from closerlook.config.yamlfile import YamlError, read_yaml, typed

DOUBLES = {
    "at the top": ("a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' stands twice, first in line 1"),
    "deep in a mapping": (
        "a:\n  b:\n    c: 1\n    d: 2\n    c: 3\n",
        "line 5, column 5: key 'c' stands twice",
    ),
    "in one line": ("a: {x: 1, y: 2, x: 3}\n", "line 1, column 17: key 'x' stands twice, first in line 1"),
    "in a list": ("- a: 1\n  a: 2\n", "line 2, column 3: key 'a' stands twice, first in line 1"),
    "numbers that are equal": ("{1: 2, 1.0: 3}\n", "key 1.0 stands twice"),
}
SYNTAX = {
    "an open bracket": ("a: [1, 2\nb: 3\n", "line 2, column 2: did not find expected ',' or ']'"),
    "a tab": ("a:\n\tb: 1\n", "line 2, column 1: a tab; indent by spaces"),
    "two colons": ("a: b: c\n", "line 1, column 5: mapping values are not allowed"),
    "an open quote": ("a: 'x\n", "found unexpected end of stream"),
    "two documents": ("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
    "an anchor of nothing": ("a: *b\n", "line 1, column 4: found undefined alias"),
    "a list in itself": ("a: &a [*a]\n", "line 1, column 4: found unconstructable recursive node"),
    "ten thousand levels": ("[" * 10_000 + "]" * 10_000, "nested too deeply"),
    "a list for a key": ("{[1]: 2}\n", "line 1, column 2: a key must be a single word or number"),
    "a tag": ("a: !!python/object:os.system x\n", "line 1, column 4: 'tag:yaml.org,2002:python/object:os.system'"),
    "a number that is none": ("a: !!int x\n", "line 1, column 4: 'x' is no int"),
    "an octal number": ("a: 1\nb: 010\n", "line 2, column 4: 010 is octal to some readers; write it without the zero"),
    "a control character": ("a: 1\nb: \x07\n", "line 2: holds '\\x07'"),
}


def refusal(path):
    with pytest.raises(YamlError) as error:
        read_yaml(path, "mine.yaml")
    line = str(error.value)
    assert line.isprintable()
    assert len(line) < 500
    assert line.startswith("mine.yaml: ")
    return line


@pytest.mark.parametrize("case", DOUBLES | SYNTAX)
def test_a_mistake_is_one_line_with_its_place(tmp_path, case):
    text, expected = (DOUBLES | SYNTAX)[case]
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert expected in refusal(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("content", "expected"),
    [("a: é\n".encode("latin-1"), "line 1: is not UTF-8"), ("a: 1\n".encode("utf-16"), "line 1: is not UTF-8")],
)
def test_another_encoding_is_named_as_such(tmp_path, content, expected):
    (tmp_path / "mine.yaml").write_bytes(content)
    assert expected in refusal(tmp_path / "mine.yaml")


def test_what_is_no_file_is_one_line(tmp_path):
    assert refusal(tmp_path) == "mine.yaml: is a folder, not a file"
    assert refusal(tmp_path / "none.yaml") == "mine.yaml: no such file"
    (tmp_path / "file").touch()
    assert "cannot be read" in refusal(tmp_path / "file" / "below")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\n\n", b"~"])
def test_an_empty_file_holds_nothing(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    assert read_yaml(tmp_path / "mine.yaml") is None


SCALARS = {
    "1:30": "1:30", "yes": "yes", "on": "on", "No": "No", "1_000": "1_000", "2026-11-22": "2026-11-22", "0b1": "0b1",
    "0o7": "0o7", "1e3": 1000.0, "1.5e-3": 0.0015, ".5": 0.5, "5.": 5.0, "-3": -3, "+3": 3, "0x1F": 31, "0": 0,
    "true": True, "False": False, "null": None, "~": None, "-.inf": float("-inf"), "'5'": "5", "'010'": "010",
    "!!str 5": "5", "!!float 5": 5.0, "9" * 5000: "9" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS, ids=lambda text: text[:12])
def test_scalars_are_those_of_yaml_1_2(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(f"a: {text}\n")
    found = read_yaml(tmp_path / "mine.yaml")["a"]
    assert (found, type(found)) == (SCALARS[text], type(SCALARS[text]))


def test_a_byte_order_mark_and_foreign_line_ends_are_no_matter(tmp_path):
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: [x, y]\r\n")
    assert read_yaml(tmp_path / "mine.yaml") == {"a": 1, "b": ["x", "y"]}


def test_a_merged_mapping_may_be_overridden(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert read_yaml(tmp_path / "mine.yaml")["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    "path", [CONFIG, *sorted(ROOT.glob("papers/*/*.yaml"))], ids=lambda path: path.parent.name + path.stem
)
def test_the_shipped_files_read_as_every_other_reader_has_them(path):
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc ", max_size=5)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner), max_leaves=10
)


@given(TREES)
def test_what_yaml_writes_is_read_back_and_so_is_its_text_of_the_command_line(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("yaml") / "mine.yaml"
    path.write_text(yaml.safe_dump({"tree": tree}))
    assert read_yaml(path) == {"tree": tree}


def test_texts_of_the_command_line_are_read_as_in_a_file():
    given = {"a": "5", "b": ["1e1", "true", "yes", "x", "", "010"], "c": 7}
    assert typed(given) == {"a": 5, "b": [10.0, True, "yes", "x", None, "010"], "c": 7}

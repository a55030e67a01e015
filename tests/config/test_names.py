"""Names that a file asks for and nothing gives are found without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from closerlook.config.names import undefined_names
from closerlook.things import PACKAGE


def found(folder: Path, text: str) -> tuple[tuple[str, int], ...]:
    path = folder / "thing.py"
    path.write_text(text, encoding="utf-8")
    return undefined_names(path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(rows):\n    return np.log(rows)\n", (("np", 2),)),
        ("def f(rows):\n    def g():\n        return rows + other\n    return g\n", (("other", 3),)),
        ("class A:\n    size = 3\n    def m(self):\n        return self.size + side\n", (("side", 4),)),
        ("x = y\nz = [late for _ in range(3)]\nlate + y\n", (("y", 1), ("late", 2))),
        ("def f(rows: pd.DataFrame): ...\n", (("pd", 1),)),
        ("from __future__ import annotations\ndef f(rows: pd.DataFrame): ...\n", ()),
        ("from os.path import *\nprint(join, anything)\n", ()),
        (
            "import os.path as way, json\ndef f(*a, b=json, **c):\n    return a, b, c, way, __file__, __name__, len\n",
            (),
        ),
        ("def f():\n    global made\n    made = 1\ndef g():\n    return made\n", ()),
        (
            "def f():\n    try:\n        import os\n    except OSError as error:\n        raise error\n    return os",
            (),
        ),
        ("def f(x):\n    match x:\n        case [first, *rest]:\n            return first, rest, (y := 2), y\n", ()),
        ("def f():\n    return [a * b for a in range(3) for b in range(a)], lambda c: c\n", ()),
    ],
)
def test_what_nothing_gives_is_named_with_its_first_line(tmp_path, text, names):
    assert found(tmp_path, text) == names


def test_nothing_of_ours_is_taken_for_undefined():
    files = [path for path in PACKAGE.rglob("*.py") if "template" not in path.parts]
    assert {path: names for path in files if (names := undefined_names(path))} == {}
    assert len(files) > 100

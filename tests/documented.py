"""What the documentation tells a reader to write."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def snippets(page, heading="", language="python"):
    """Return the code blocks of a page of docs/, or of one of its sections."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    if heading:
        text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def own_things():
    """Return the files that extending.md tells to write, by their path in the folder `own`."""
    found = (re.match(r"# own/(\S+)\n", code) and code for code in snippets("extending.md"))
    return {re.match(r"# own/(\S+)\n", code)[1]: code for code in found if code}


def write_own_things(folder):
    """Write every thing of extending.md into an own folder."""
    for name, code in own_things().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code, encoding="utf-8")

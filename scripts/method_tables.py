"""Write the tables and examples of docs/methods.md from the code itself: ``python scripts/method_tables.py``.

What stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is replaced; a test compares it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path

import yaml

from sim2real.randomizers import METHODS, resolve

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "methods.md"
EXAMPLES = ("rejection.py", "test_rejection.py", "rejection.yaml")


def options_of(method: str) -> type | None:
    """Return the dataclass of a method's options in an experiment file; None where it has none."""
    kind = resolve(method)
    if kind.needs_truth:  # its option is the truth, which the runner gives
        return None
    found = [
        value
        for value in vars(sys.modules[kind.__module__]).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__name__.endswith("Options")
    ]
    return found[0] if found else None


def meanings(options: type) -> dict[str, str]:
    """Return what the docstring says of each option."""
    doc = inspect.getdoc(options) or ""
    before, _, arguments = doc.partition("\nArgs:\n")
    found = {}
    for entry in re.split(r"\n(?=    \w)", arguments):
        name, colon, text = entry.strip().partition(": ")
        if colon:
            found[name] = " ".join(text.split())
    for field in dataclasses.fields(options):
        found.setdefault(field.name, " ".join(before.split()).partition("; ")[2])
    return found


def option_table(method: str) -> str:
    """Return one row an option: name, default as in YAML, meaning."""
    options = options_of(method)
    if options is None:
        return "No options."
    said = meanings(options)
    rows = [
        f"| `{field.name}` | `{default(field)}` | {cell(said[field.name])} |" for field in dataclasses.fields(options)
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def cell(text: str) -> str:
    """Return a docstring's words for a cell of a Markdown table."""
    return re.sub(r"\bNone\b", "`null`", text.replace("``", "`").replace("|", "\\|"))


def default(field: dataclasses.Field[object]) -> str:
    """Return the default of an option as it would stand in YAML."""
    factory = field.default_factory
    value = field.default if factory is dataclasses.MISSING else factory()
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("\n").removesuffix("\n...")


def example(name: str) -> str:
    """Return a file of docs/examples as a block of code."""
    language = {".py": "python", ".yaml": "yaml"}[Path(name).suffix]
    return f"```{language}\n{(DOCS / 'examples' / name).read_text()}```"


def written(text: str) -> str:
    """Return ``text`` with every marked section as the code has it now."""
    sections = {method: option_table(method) for method in METHODS} | {name: example(name) for name in EXAMPLES}
    for name, section in sections.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, rest = text.split(begin)
        text = before + begin + section + "\n" + end + rest.split(end, 1)[1]
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))

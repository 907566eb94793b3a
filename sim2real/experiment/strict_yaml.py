"""A strict reader of experiment files: YAML 1.2 values, nothing that surprises, every mistake with its place.

PyYAML does the scanning. What a plain word means follows the YAML 1.2 core
schema: ``5e-4`` is a number, ``yes`` and ``on`` are text, ``010`` is ten.
Aliases, anchors, tags, duplicate keys and keys that are not text are refused,
because a file that uses them says something else than it seems to say.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.constructor import BaseConstructor
from yaml.events import AliasEvent, NodeEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from sim2real.errors import SpecError

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None
Place: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_INTEGER = 2**63 - 1

_NULL, _BOOL, _INT, _FLOAT, _TEXT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_CORE_SCHEMA = (
    (_NULL, r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (_BOOL, r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (_INT, r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        _FLOAT,
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
)


@dataclass(frozen=True)
class Document:
    """What a file says, and where.

    Args:
        value: Plain Python data; never shared between two places.
        problems: What was refused, one sentence each, with line and column.
        lines: Line of every key and item, from 1.
        unread: Places whose value could not be taken over, because of a problem.
    """

    value: Value
    problems: tuple[str, ...]
    lines: Mapping[Place, int]
    unread: frozenset[Place]


class _Resolver(BaseResolver):
    """Plain words by the YAML 1.2 core schema."""


for _tag, _pattern, _first in _CORE_SCHEMA:
    # Integers come before floats: the first match counts.
    _Resolver.add_implicit_resolver(_tag, re.compile(_pattern, re.ASCII), _first)


class _Loader(Reader, Scanner, Parser, Composer, BaseConstructor, _Resolver):
    """Composes nodes and notes what it refuses instead of stopping at the first."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseConstructor.__init__(self)
        _Resolver.__init__(self)
        self.refused: list[tuple[yaml.Mark, str]] = []
        self.unread_nodes: set[int] = set()
        self.depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self._refuse(event, f"the alias '*{event.anchor}' is not allowed; write the value out")
            node = ScalarNode(_NULL, "", event.start_mark, event.end_mark)  # type: ignore[arg-type]
            self.unread_nodes.add(id(node))
            return node
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(event, f"the anchor '&{event.anchor}' is not allowed; write the value out where it is needed")
            event.anchor = None
        tag = getattr(event, "tag", None)
        if tag is not None:
            written = tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"the tag '{written}' is not allowed; write plain numbers, text, lists and mappings")
            event.tag = None
            event.implicit = (True, False) if isinstance(event, yaml.ScalarEvent) else True
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        composed: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return composed

    def _refuse(self, event: yaml.Event, text: str) -> None:
        self.refused.append((event.start_mark, text))  # type: ignore[arg-type]


class _Reading:
    """Turns composed nodes into plain data, noting lines and problems."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self.lines: dict[Place, int] = {}
        self.unread: set[Place] = set()

    def value(self, node: Node, path: Place) -> Value:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._loader.unread_nodes:
            self.unread.add(path)
            return None
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Place) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, ScalarNode) or key_node.tag != _TEXT:
                if id(key_node) not in self._loader.unread_nodes:
                    self._refuse(key_node, "a key must be text; put it in quotes")
                continue
            if key in values:
                first = self.lines[(*path, key)]
                self._refuse(key_node, f"the key {_short(key)} occurs twice; the first is on line {first}")
                continue
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            values[key] = self.value(value_node, (*path, key))
        return values

    def _scalar(self, node: Node, path: Place) -> Value:
        text = str(node.value)
        if node.tag == _NULL:
            return None
        if node.tag == _BOOL:
            return text.lower() == "true"
        if node.tag == _INT:
            return self._integer(node, path)
        if node.tag == _FLOAT:
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text

    def _integer(self, node: Node, path: Place) -> Value:
        text: str = node.value
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        number = int(text, base) if len(text) <= 32 else MAX_INTEGER + 1
        if abs(number) > MAX_INTEGER:
            self._refuse(node, f"the whole number {_short(text)} is beyond 64 bits")
            self.unread.add(path)
            return None
        return number

    def _refuse(self, node: Node, text: str) -> None:
        self._loader.refused.append((node.start_mark, text))


def read_document(path: Path) -> Document:
    """Read an experiment file.

    Raises:
        SpecError: If the file cannot be read, is too large, is not UTF-8, or is not one YAML document.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError([f"there is no file {str(path)!r}; give the path of one that exists"], str(path)) from None
    except OSError as error:
        raise SpecError([f"the file cannot be read: {error.strerror or error}"], str(path)) from None
    except ValueError as error:  # a null character in the path
        raise SpecError([f"the path is not valid: {error}"], repr(str(path))) from None
    if len(raw) > MAX_BYTES:
        raise SpecError([f"the file is larger than {MAX_BYTES // 1024} KiB, which no experiment file needs"], str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(
            [f"line {line}: the file must be UTF-8 text, but byte {error.start} is not"], str(path)
        ) from None
    return parse_document(text, str(path))


def parse_document(text: str, source: str) -> Document:
    """Parse the text of an experiment file.

    Raises:
        SpecError: If the text is not one YAML document.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise SpecError([f"line {line}: the character U+{code:04X} is not allowed in a file"], source) from None
    except yaml.MarkedYAMLError as error:
        earlier = _sentences(loader.refused)
        raise SpecError([*earlier, _syntax(error)], source) from None
    reading = _Reading(loader)
    value = reading.value(node, ()) if node is not None else None
    return Document(value, tuple(_sentences(loader.refused)), reading.lines, frozenset(reading.unread))


def parse_value(text: str) -> Value:
    """Parse one value of ``--set key=value`` by the rules of the file.

    Raises:
        SpecError: If the text is not a YAML value, or uses something that is refused.
    """
    document = parse_document(text, "--set")
    if document.problems:
        raise SpecError(document.problems, "--set")
    return document.value


def dump(value: Value) -> str:
    """Return YAML text that ``parse_document`` reads back to the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    """Writes text in quotes wherever YAML 1.1 or 1.2 would read something else, and repeats shared values."""

    def ignore_aliases(self, data: Hashable) -> bool:
        return True


def _represent_float(dumper: _Dumper, number: float) -> Node:
    text = repr(number).replace("inf", ".inf").replace("nan", ".nan")
    return dumper.represent_scalar(_FLOAT, text)


_Dumper.add_representer(float, _represent_float)
for _tag, _pattern, _first in _CORE_SCHEMA:
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern, re.ASCII), _first)


def _sentences(refused: list[tuple[yaml.Mark, str]]) -> list[str]:
    ordered = sorted(refused, key=lambda item: (item[0].line, item[0].column))
    return [f"{_place(mark)}: {text}" for mark, text in ordered]


def _syntax(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part)
    return f"{_place(mark)}: not valid YAML: {what}" if mark else f"not valid YAML: {what}"


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")

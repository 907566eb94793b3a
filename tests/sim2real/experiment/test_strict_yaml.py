"""The strict reader of experiment files."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.errors import SpecError
from sim2real.experiment.strict_yaml import MAX_BYTES, Value, dump, parse_document, parse_value, read_document

WORDS = ["yes", "no", "on", "off", "null", "~", "true", "True", "010", "0o17", "0x1F", "5e-4", "1e3", ".5", "1.", "+1"]
WORDS += [".inf", "-.Inf", ".nan", "1_000", "12:30", "2020-01-01", "<<", "=", "", "-", "- a", "a: b", "#x", "!x", "&x"]
LEAVES = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.text() | st.sampled_from(WORDS)
PLAIN = st.recursive(
    LEAVES | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.sampled_from(WORDS), inner),
    max_leaves=12,
)


def parsed(text: str) -> Value:
    document = parse_document(text, "test")
    assert document.problems == ()
    return document.value


def problems(text: str) -> tuple[str, ...]:
    try:
        return parse_document(text, "test").problems
    except SpecError as error:
        return error.problems


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("5e-4", 5e-4),
        ("1e3", 1000.0),
        ("+.5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("1e999", math.inf),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
    ],
)
def test_plain_words_follow_the_yaml_1_2_core_schema(word: str, value: object) -> None:
    found = parsed(f"a: {word}")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "1_000", "12:30", "2020-01-01", "0b11", "-0x1F", "'5'", "1e"]
)
def test_words_that_only_yaml_1_1_reads_specially_are_text(word: str) -> None:
    assert parsed(f"a: {word}") == {"a": word.strip("'")}


def test_not_a_number_is_read_as_such() -> None:
    found = parsed("[.nan, .NaN]")
    assert isinstance(found, list)
    assert all(isinstance(value, float) and math.isnan(value) for value in found)


def test_a_merge_key_is_an_ordinary_key() -> None:
    assert parsed("<<: {a: 1}") == {"<<": {"a": 1}}


def test_everything_refused_is_listed_with_line_and_column() -> None:
    text = "a: &x 1\nb: *x\nc: !!python/object/apply:os.system ['true']\nd: !foo bar\na: 2\n1: one\n? [k]\n: v\n"
    assert problems(text) == (
        "line 1, column 4: the anchor '&x' is not allowed; write the value out where it is needed",
        "line 2, column 4: the alias '*x' is not allowed; write the value out",
        "line 3, column 4: the tag '!!python/object/apply:os.system' is not allowed; "
        "write plain numbers, text, lists and mappings",
        "line 4, column 4: the tag '!foo' is not allowed; write plain numbers, text, lists and mappings",
        "line 5, column 1: the key 'a' occurs twice; the first is on line 1",
        "line 6, column 1: a key must be text; put it in quotes",
        "line 7, column 3: a key must be text; put it in quotes",
    )


def test_a_python_tag_runs_nothing(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    assert problems(f"a: !!python/object/apply:os.system ['touch {planted}']")
    assert not planted.exists()


@pytest.mark.parametrize("tag", ["!!str 3", "!!float 3", "!<tag:yaml.org,2002:int> 3", "! 3", "!!binary aGk="])
def test_even_harmless_tags_are_refused(tag: str) -> None:
    assert any("the tag" in problem for problem in problems(f"a: {tag}"))


def test_aliases_do_not_multiply() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*a, *a, *a, *a, *a, *a, *a, *a]\n" for name in "bcdefgh")
    assert len(problems(bomb)) == 8 + 7 * 8


def test_deep_nesting_is_refused_and_not_a_recursion_error() -> None:
    for text in ("[" * 5000, "{a: " * 5000, "- " * 5000):
        (problem,) = problems(text)
        assert problem.endswith("nested deeper than 20 levels")


def test_a_whole_number_beyond_64_bits_is_refused() -> None:
    assert problems("a: 9223372036854775807") == ()
    assert problems("a: 9223372036854775808") == (
        "line 1, column 4: the whole number '9223372036854775808' is beyond 64 bits",
    )
    assert "beyond 64 bits" in problems("a: " + "9" * 10_000)[0]


@pytest.mark.parametrize(
    "text",
    ["a: [", "a: b: c", "a: 'x", "\t- a", "a: 1\n---\nb: 2", "%YAML 3.0\n---\na", "a: }", "{a: 1", "@a", "a: |x"],
)
def test_a_syntax_error_says_where(text: str) -> None:
    with pytest.raises(SpecError, match=r"line \d+, column \d+: not valid YAML"):
        parse_document(text, "test")


def test_control_characters_are_refused_by_name() -> None:
    assert problems("a: 1\nb: \x00") == ("line 2: the character U+0000 is not allowed in a file",)


def test_lines_of_keys_are_known() -> None:
    lines = parse_document("a: 1\nb:\n  c: [1,\n    2]\n", "test").lines
    assert lines[("b", "c")] == 3
    assert lines[("b", "c", 1)] == 4


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no file"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        read_document(tmp_path)
    with pytest.raises(SpecError, match="path is not valid"):
        read_document(Path("a\0b"))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("a: 1\n" + "#" * MAX_BYTES)
    with pytest.raises(SpecError, match="larger than 256 KiB"):
        read_document(large)


def test_a_file_that_is_not_utf8_is_refused_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(SpecError, match="line 2: the file must be UTF-8 text, but byte 8 is not"):
        read_document(file)
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(file).value == {"a": 1}


@given(PLAIN)
def test_what_is_dumped_is_read_back(value: Value) -> None:
    assert parsed(dump(value)) == value


@given(st.text() | st.text(alphabet="{}[]:,&*!|>-?'\"#%@ \n\tab01.e~<"))
def test_any_text_gives_a_document_or_a_spec_error(text: str) -> None:
    with contextlib.suppress(SpecError):
        parse_document(text, "test")
    with contextlib.suppress(SpecError):
        parse_value(text)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_a_spec_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(raw)
    with contextlib.suppress(SpecError):
        read_document(file)

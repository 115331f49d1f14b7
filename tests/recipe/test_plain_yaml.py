import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from model_registry.errors import InputError
from tasks.recipe.plain_yaml import inline, read, write

TEXTS = [
    "no",
    "1e-3",
    "2024-01-01",
    "<<",
    "=",
    "010",
    "~",
    "",
    "null",
    "0o7",
    "a\x85b",
    "\u2028",
    "x: y",
    "# c",
    "1:30",
    "two\nlines",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-2.5E+1", -25.0),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("2024-01-01", "2024-01-01"),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("'10'", "10"),
        ("-.inf", float("-inf")),
        ("~", None),
        ("", None),
        ("!!str 10", "10"),
        ("!!int ten", "ten"),
    ],
)
def test_read_gives_yaml_1_2_core_types(text, expected):
    value = read(f"key: {text}\n".encode(), "a.yaml").data["key"]
    assert value == expected
    assert type(value) is type(expected)


def test_read_gives_the_line_of_every_key():
    document = read(b"# first\na:\n  b: 1\n\n  c: [1,\n      2]\n", "a.yaml")
    assert document.data == {"a": {"b": 1, "c": [1, 2]}}
    assert [document.line(path) for path in [("a",), ("a", "b"), ("a", "c"), ("a", "c", 1)]] == [2, 3, 5, 6]


def test_line_falls_back_to_the_section_when_the_key_is_not_stated():
    document = read(b"x: 1\na:\n  b: 1\n", "a.yaml")
    assert document.line(("a", "absent", "deeper")) == 2
    assert document.line(("absent",)) == 1


def test_read_lists_duplicates_and_tags_without_stopping():
    document = read(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\nd: !!python/object:os.system x\n? [1]\n: 2\n", "a.yaml")
    assert document.data == {"a": 1, "b": {"c": 1}, "d": None}
    assert document.mistakes == [
        (("b", "c"), 4, "expected each key once. Received: 'c' again, first on line 3"),
        (("a",), 5, "expected each key once. Received: 'a' again, first on line 1"),
        (("d",), 6, "expected plain YAML. Received: the tag !!python/object:os.system"),
        ((), 7, "expected a name as key. Received: a list or mapping"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1\nb: 2", r"a\.yaml:2: column 2: expected YAML\. Received: while parsing a flow sequence, .*got ':'"),
        (b"a: b: c\n", r"a\.yaml:1: column 5: .*mapping values are not allowed here"),
        (b"\t- x", r"a\.yaml:1: column 1: .*cannot start any token"),
        (b"a: 1\n---\nb: 1", r"a\.yaml:2: .*single document"),
        (b"a: *nobody", r"a\.yaml:1: column 4: .*undefined alias"),
        (b"a: &x [*x]", r"a\.yaml:1: column 4: .*grows without end"),
        (b"a: \x80", r"a\.yaml: expected YAML in UTF-8"),
        (b"[" * 1000, r"a\.yaml: expected a recipe\. Received: YAML that is nested too deeply"),
    ],
)
def test_read_names_the_place_when_it_is_no_yaml(content, message):
    with pytest.raises(InputError, match=message):
        read(content, "a.yaml")


def test_read_stops_when_aliases_multiply():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(InputError, match="grows without end"):
        read("\n".join(lines).encode(), "bomb.yaml")


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"---\n"])
def test_read_gives_nothing_when_the_file_is_empty(content):
    assert read(content, "a.yaml").data is None


def test_read_takes_a_byte_order_mark_and_windows_line_ends():
    assert read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a.yaml").data == {"a": 1, "b": 2}


def test_write_is_read_alike_by_both_generations_of_yaml():
    text = write({"texts": TEXTS, "numbers": [1e-5, 1e16, 0.1, -0.0, 3], "none": None, "true": True})
    assert (
        yaml.safe_load(text)
        == read(text.encode(), "a.yaml").data
        == {
            "texts": TEXTS,
            "numbers": [1e-5, 1e16, 0.1, -0.0, 3],
            "none": None,
            "true": True,
        }
    )


def test_write_has_no_anchors_when_values_are_shared():
    shared = [1, 2]
    assert write({"a": shared, "b": shared}) == "a:\n- 1\n- 2\nb:\n- 1\n- 2\n"


@pytest.mark.parametrize(
    ("value", "expected"), [([64, 32], "[64, 32]"), ({"a": None}, "{a: null}"), ("no", "'no'"), (1e-3, "0.001")]
)
def test_inline_is_one_line_of_yaml(value, expected):
    assert inline(value) == expected


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_write_then_read_gives_the_same_data(value):
    assert read(write({"key": value}).encode(), "a.yaml").data == {"key": value}
    assert read(f"key: {inline(value)}\n".encode(), "a.yaml").data == {"key": value}

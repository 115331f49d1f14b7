from typing import Annotated, Literal

import pytest
from pydantic import Field

from tasks.methods.fusion.combiners import combiners
from tasks.recipe.compress_schema import Compress, Prune
from tasks.recipe.describe import choices, describe, section_of
from tasks.recipe.kinds import Count, Fraction, Sparsity, one_of
from tasks.recipe.schema import Recipe
from tasks.recipe.transfer_schema import Stage


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (str, "text"),
        (int, "a whole number"),
        (Count, "a whole number >= 1"),
        (Fraction, "a number in [0, 1]"),
        (Sparsity, "a number in [0, 1)"),
        (Annotated[float, Field(gt=0)], "a number > 0"),
        (Annotated[float, Field(le=5)], "a number <= 5"),
        (Annotated[int, Field(lt=5)], "a whole number < 5"),
        (Annotated[float, Field(gt=0, lt=0.5)], "a number in (0, 0.5)"),
        (Literal["a", "b"], "one of ['a', 'b']"),
        (Literal["auto"] | list[str], "'auto', or a list, each text"),
        (Literal["head", "all"] | Count, "one of ['head', 'all'], or a whole number >= 1"),
        (tuple[Count, Count] | None, "a list of 2, each a whole number >= 1, or null"),
        (
            Annotated[list[Stage], Field(min_length=1)],
            "a list of 1 or more, each with the keys ['unfreeze', 'epochs', 'learning_rate', 'decay']",
        ),
        (dict[Literal["a", "b"], float], "one of ['a', 'b'] as keys, each with a number"),
        (Annotated[str, Field(pattern="^x$")], "text that matches ^x$"),
        (Annotated[str, Field(min_length=1)], "text, not empty"),
        (Stage | None, "the keys ['unfreeze', 'epochs', 'learning_rate', 'decay'], or null"),
    ],
)
def test_describe_says_type_and_limits(annotation, words):
    assert describe(annotation) == words


def test_choices_are_the_registered_names_of_a_family():
    annotation = Annotated[str, one_of(combiners)]
    assert choices(annotation) == combiners.names()
    assert describe(annotation) == f"one of {combiners.names()}"


def test_section_of_looks_through_null():
    assert section_of(Compress.model_fields["prune"].annotation) is Prune
    assert section_of(Stage.model_fields["unfreeze"].annotation) is None


def _sections(section):
    yield section
    for field in section.model_fields.values():
        below = section_of(field.annotation)
        if below is not None:
            yield from _sections(below)


@pytest.mark.parametrize("section", [*_sections(Recipe), Stage], ids=lambda section: section.__name__)
def test_every_field_of_the_schema_can_be_described(section):
    for name, field in section.model_fields.items():
        assert describe(field.annotation, tuple(field.metadata)), name
        assert field.description, f"{section.__name__}.{name} has no description"
        assert len(field.description) > 5, name

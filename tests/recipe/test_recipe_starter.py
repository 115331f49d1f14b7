import re

import pytest

from model_registry.errors import InputError
from tasks.recipe.describe import choices, section_of
from tasks.recipe.load import load, parse
from tasks.recipe.plain_yaml import read
from tasks.recipe.schema import Recipe
from tasks.recipe.starter import starter
from tasks.recipe.transfer_schema import Stage


def uncommented(text):
    """Every setting made active: the `#` right before a key or an item is taken away."""
    return re.sub(r"^( *)#(?=[^ \n])", r"\1", text, flags=re.MULTILINE)


def test_starter_loads_without_mistakes(tmp_path):
    path = tmp_path / "digits.yaml"
    path.write_text(starter("digits", "bundled:digits"))
    assert load(path).stated == {
        "name": "digits",
        "description": "",
        "inherit": {"ancestors": "auto"},
        "data": {"source": "bundled:digits"},
        "deploy": {"to": "staging"},
    }


def test_starter_loads_once_its_source_stands(tmp_path):
    path = tmp_path / "churn.yaml"
    path.write_text(starter("churn", "rows.csv", target="churned"))
    with pytest.raises(InputError, match=r"churn\.yaml:\d+: data\.source: expected a file or folder"):
        load(path)
    (tmp_path / "rows.csv").touch()
    assert load(path).recipe.data.target == "churned"


def test_starter_is_the_default_recipe_when_every_setting_is_uncommented():
    text = uncommented(starter("digits", "bundled:digits", ancestors=["models:/a@production"]))
    stated = read(text.encode(), "starter").data
    least = Recipe.model_validate({"name": "digits", "data": {"source": "bundled:digits"}, "inherit": "models:/a@production"})
    assert parse(stated, origin="starter") == least
    assert stated == least.model_dump(mode="json"), "every key stands in the starter, at its default"


def test_starter_has_every_description_and_allowed_name():
    words = " ".join(starter("digits", "bundled:digits").replace("#", " ").split())
    names = 0
    for section in [*_sections(Recipe), Stage]:
        for field in section.model_fields.values():
            assert " ".join((field.description or "").split()) in words
            for choice in choices(field.annotation, tuple(field.metadata)):
                assert repr(choice) in words
                names += 1
    assert names > 40


def _sections(section):
    yield section
    for field in section.model_fields.values():
        below = section_of(field.annotation)
        if below is not None:
            yield from _sections(below)


def test_starter_writes_values_that_need_quotes():
    text = starter("no", 'odd: "name".csv', target="yes: # no", description="two\nlines")
    stated = read(text.encode(), "starter").data
    assert stated["data"] == {"source": 'odd: "name".csv', "target": "yes: # no"}
    assert (stated["name"], stated["description"]) == ("no", "two\nlines")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "My Digits", "source": "bundled:digits"}, "starter recipe: name: .* Did you mean 'my-digits'"),
        ({"name": "x", "source": "bundled:digit"}, "data.source: .* Did you mean 'bundled:digits'"),
        ({"name": "x", "source": ""}, "data.source: expected text, not empty"),
        ({"name": "x", "source": "a.csv", "ancestors": ["digits@production"]}, "Did you mean 'models:/digits@production'"),
    ],
)
def test_starter_refuses_what_no_recipe_accepts(arguments, message):
    with pytest.raises(InputError, match=message):
        starter(**arguments)


def test_starter_lines_fit_an_editor():
    assert max(map(len, starter("digits", "bundled:digits").splitlines())) <= 120

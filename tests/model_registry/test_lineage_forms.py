import json
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from model_registry import description, lineage, store, versions
from model_registry.gates import Verdict
from model_registry.page import as_html
from model_registry.versions import Parent, Version

Maker = Callable[..., Version]


def known(version: Version, **tags: object) -> Version:
    """The version with other tags."""
    for key, value in tags.items():
        text = value if isinstance(value, str) else json.dumps(value)
        store.client().set_model_version_tag(version.name, str(version.version), key, text)
    return versions.get(version.name, version.version)


@pytest.fixture
def pair(make: Maker) -> tuple[Version, Version]:
    """A parent and a child, smaller and less accurate."""
    parent = known(make("a"), facts={"validation_accuracy": 0.9, "size_bytes": 52_000, "parameters": 10})
    child = known(make("b", "pruned", [parent]), facts={"validation_accuracy": 0.85, "size_bytes": 12_000, "parameters": 10})
    return parent, child


def test_tree_says_on_a_parents_line_what_changed_to_the_child(pair: tuple[Version, Version]):
    assert lineage.as_text(pair[1]).splitlines() == [
        "digits/2  pruned · 0.850",
        "└── digits/1  trained · 0.900  [validation_accuracy -0.0500, size_bytes -40,000, to digits/2]",
    ]
    edge = lineage.as_json(pair[1])["edges"][0]
    assert edge["deltas"] == {"validation_accuracy": pytest.approx(-0.05), "size_bytes": -40_000, "parameters": 0}
    assert '-->|"validation_accuracy -0.0500, size_bytes -40,000"|' in lineage.as_mermaid(pair[1])


def test_tree_marks_scores_on_other_data(pair: tuple[Version, Version]):
    child = known(pair[1], data_sha256="another")
    assert "size_bytes -40,000 (other data), to digits/2]" in lineage.as_text(child)
    assert lineage.as_json(child)["edges"][0]["same_data"] is False
    assert '<td class="n other">-0.0500</td>' in as_html(child)


def test_nodes_say_who_made_a_version_when_by_what_trigger_and_from_which_data(pair: tuple[Version, Version]):
    child = known(pair[1], by="ann", trigger={"kind": "drift"}, data_sha256="d", recipe_sha256="e")
    node = lineage.as_json(child)["nodes"][0]
    assert [node[key] for key in ("by", "trigger", "data_sha256", "recipe_sha256")] == ["ann", {"kind": "drift"}, "d", "e"]
    assert node["created"]


def test_register_records_the_user_and_older_versions_are_by_unknown(make: Maker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOGNAME", "ann")
    assert make("a").by == "ann"
    store.client().delete_model_version_tag("digits", "1", "by")
    assert versions.get("digits", 1).by == "unknown"


class Page(HTMLParser):
    """The tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def test_page_has_the_picture_and_every_edge_and_needs_nothing_from_elsewhere(pair: tuple[Version, Version], make: Maker):
    child = known(make("c", "fused", list(pair)), trigger={"kind": "drift", "reason": "<script>alert(1)</script>"})
    text = as_html(child)
    page = Page(text)
    assert page.tags.count("svg") == 1
    assert page.tags.count("tr") == 2 + 3 + 3  # heads, edges, versions
    assert '<td class="n worse">-0.0500</td><td class="n better">-40,000</td>' in text
    assert (page.addresses, "script" in page.tags, "@import" in text) == ([], False, False)


def test_tree_and_page_of_a_long_chain_are_drawn_once_each(make: Maker):
    base = make("a")
    chain = {}
    for number in range(1, 3001):
        parents = [Parent(name="x", version=number - 1, sha256="")] if number > 1 else []
        chain[number] = base.model_copy(update={"name": "x", "version": number, "parents": parents})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model_registry.ancestry.find", lambda _, number: chain[number])
        patch.setattr("model_registry.ancestry.up_to", lambda _, number, most: [chain[each] for each in range(1, number + 1)])
        patch.setattr("model_registry.bulk.versions_of", lambda _: None)
        patch.setattr("model_registry.ancestry.with_aliases", lambda found, _: found)
        lines = lineage.as_text(chain[3000]).splitlines()
        page = as_html(chain[3000])
    members = [line for line in lines if not line.startswith("…")]
    assert (len(members), len(lines)) == (3000, 3000 + 2999 // 30)
    assert max(map(len, lines)) < 200
    assert page.count("<g>") == 3000


def test_description_holds_the_tree_as_a_fenced_block_and_fits_the_database(pair: tuple[Version, Version]):
    coming = pair[1].model_copy(update={"version": 0, "parents": [Parent(name="digits", version=2, sha256="", role="teacher")]})
    text = description.described(coming)
    assert text.startswith("**pruned** from `digits/2` (teacher)\n\n```\nthis version  pruned · 0.850\n└── digits/2  pruned")
    assert "| size bytes | 12000 |" in text
    facts = {f"fact_{number}": "x" * 200 for number in range(40)}
    objective = {"objective": "y" * 1500}
    long = description.described(pair[1].model_copy(update={"facts": facts | objective}))
    assert len(long) <= 5000
    assert "```\ndigits/2" in long
    cut = description.described(pair[1].model_copy(update={"facts": {"objective": "y" * 6000}}))
    assert len(cut) <= 5000
    assert "... the rest: `bequest lineage`\n```" in cut


def test_write_renews_the_description_without_stages_that_move_on(pair: tuple[Version, Version]):
    store.client().set_registered_model_alias("digits", "production", "2")
    verdict = Verdict(candidate=pair[1].ref, passed=True, rules=[], metrics={"accuracy": 0.8765}, rows=10, run_id="r")
    description.write(versions.get("digits", 2), verdict)
    text = store.client().get_model_version("digits", "2").description
    assert "digits/2  pruned · 0.850\n└── digits/1" in text
    assert "Gate: **passed**, on 10 test rows: accuracy 0.8765." in text
    assert "Production" not in text

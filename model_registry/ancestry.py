"""The walk through the registry's family trees: up to whom a version comes from, down to who comes from it."""

import sys
from datetime import UTC, datetime

from model_registry import bulk
from model_registry.versions import Parent, Version, find, from_mlflow, search, up_to, with_aliases

_ONE_BY_ONE = 24  # members of a family; the next is read with a page of those before it
_FIRST_PAGE = 64
_PAGES = 4  # then all of a name is read at once, where that is possible
_ASKED_FOR = 12  # heirs whose own heirs are asked for one by one; beyond them the whole registry is read once

Aliases = dict[str, dict[int, list[str]]]


@bulk.uncollected()
def ancestry(*starts: Version) -> dict[str, Version]:
    """Versions and everything they descend from, by label; the versions themselves come first, parents after children.

    A version that was deleted from the registry stands as what its heirs know of it, with the operation "deleted".
    """
    family: dict[str, Version] = {}
    members = _Members()
    waiting = list(starts)
    for member in waiting:  # grows while it is walked through
        if member.label not in family:
            family[member.label] = member
            waiting += [members.get(parent) for parent in member.parents if f"{parent.name}/{parent.version}" not in family]
    return family


def descends_from(version: Version, ancestor: Version) -> bool:
    """Whether `ancestor` is `version` itself or stands anywhere above it."""
    return ancestor.label in ancestry(version)


@bulk.uncollected()
def descendants(version: Version) -> dict[str, Version]:
    """Everything that descends from a version, by label, the nearest first; without the version itself.

    What descends from it only by way of a version that was deleted since is found no more.
    """
    family: dict[str, Version] = {}
    everyone: dict[str, list[Version]] | None = None
    aliases: Aliases = {}
    waiting = [version]
    for asked, member in enumerate(waiting):
        if everyone is None and asked == _ASKED_FOR:
            everyone = _everyone_by_parent(aliases)
        children = _children(member, aliases) if everyone is None else everyone.get(member.label, [])
        for child in sorted(children, key=lambda each: (each.created, each.name, each.version)):
            if child.label not in family and child.label != version.label:
                family[child.label] = child
                waiting.append(child)
    return family


def _children(version: Version, aliases: Aliases) -> list[Version]:
    """The versions that name this one as a parent."""
    written = f'"name": "{version.name}", "version": {version.version},'  # as `versions.register` writes it
    # `_` and `%` in a name match more than themselves here; what the tag says decides.
    found = search(f"tags.parents LIKE '%{written}%'", limit=sys.maxsize, aliases=aliases)
    return [each for each in found if version.label in _parents(each)]


def _everyone_by_parent(aliases: Aliases) -> dict[str, list[Version]]:
    children: dict[str, list[Version]] = {}
    for each in _at_once(None, aliases) or search(limit=sys.maxsize, aliases=aliases):
        for label in _parents(each):
            children.setdefault(label, []).append(each)
    return children


def _at_once(name: str | None, aliases: Aliases) -> list[Version] | None:
    found = bulk.versions_of(name)
    return None if found is None else with_aliases([from_mlflow(each) for each in found], aliases)


def _parents(version: Version) -> set[str]:
    return {f"{parent.name}/{parent.version}" for parent in version.parents}


class _Members:
    """Versions as the walk up asks for them: the first one by one, then by pages that grow, then all of a name at once.

    Most families are small; a large one is large within few names, and a page costs little more than one version.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Version | None] = {}
        self._asked = 0
        self._aliases: Aliases = {}

    def get(self, parent: Parent) -> Version:
        key = (parent.name, parent.version)
        if key not in self._known:
            self._read(*key)
        return self._known[key] or _deleted(parent)

    def _read(self, name: str, number: int) -> None:
        self._asked += 1
        pages = self._asked - _ONE_BY_ONE
        if pages <= 0:
            self._known[name, number] = find(name, number)
            return
        found = _at_once(name, self._aliases) if pages > _PAGES else None
        if found is None:
            found = with_aliases(up_to(name, number, _FIRST_PAGE << min(pages - 1, 4)), self._aliases)
        self._known[name, number] = None  # unless it was found
        self._known |= {(each.name, each.version): each for each in found}


def _deleted(parent: Parent) -> Version:
    return Version(
        name=parent.name,
        version=parent.version,
        ready=False,
        operation="deleted",
        sha256=parent.sha256,
        created=datetime.fromtimestamp(0, UTC),  # when it was made went with it
    )

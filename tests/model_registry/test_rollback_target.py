"""`rollback --to`: by number, by time, and what is said where nothing stood there."""

from collections.abc import Callable

import pytest

from model_registry import ledger, restoring, stages
from model_registry.errors import InputError
from model_registry.promotions import Entry
from model_registry.versions import Version

Maker = Callable[..., Version]

# Version 1 from the 1st on, 2 from the 3rd on, none from the 5th on, 3 from the 7th on.
ENTRIES = [
    Entry(at="2025-05-01T12:00:00.000000Z", version=1, came_from="None", to="Production"),
    Entry(at="2025-05-02T12:00:00.000000Z", version=4, came_from="None", to="Staging"),
    Entry(at="2025-05-03T12:00:00.000000Z", version=2, came_from="None", to="Production", replaced=1),
    Entry(at="2025-05-05T12:00:00.000000Z", version=2, came_from="Production", to="Archived", move="archival"),
    Entry(at="2025-05-07T12:00:00.000000Z", version=3, came_from="None", to="Production", replaced=2),
]


@pytest.mark.parametrize(
    ("to", "version"),
    [
        (None, 2),
        ("1", 1),
        ("3", 3),
        ("2025-05-01T12:00", 1),
        ("2025-05-03", 1),  # its first moment
        ("2025-05-04", 2),
        ("2025-05-03T14:00+03:00", 1),  # 11:00 UTC
        ("2025-05-03T14:00+01:00", 2),  # 13:00 UTC
        ("2025-05-03T13:00Z", 2),
        ("2025-05-08", 3),
    ],
)
def test_target_is_the_version_of_that_number_or_time(to: str | None, version: int):
    assert restoring.target("digits", ENTRIES, 3, to) == version


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("4", r"stood in production before, one of \[1, 2, 3\]. Received: 4. `bequest promote digits 4 --to production`"),
        ("2025-05-01", r"from the first promotion on, digits's was at 2025-05-01T12:00:00.*Received: 2025-05-01 00:00:00 UTC"),
        ("2025-05-06", "nothing stood in production of digits at 2025-05-06 00:00:00 UTC"),
        ("9999-01-01", "expected a time in the past"),
        ("yesterday", "expected a version's number, or an ISO date or time.*Received: 'yesterday'"),
        ("-1", "Received: '-1'"),
        ("", "Received: ''"),
    ],
)
def test_target_says_what_is_wrong(to: str, message: str):
    with pytest.raises(InputError, match=message):
        restoring.target("digits", ENTRIES, 3, to)


def test_target_is_found_although_nothing_stands_in_production_now():
    assert restoring.target("digits", ENTRIES[:4], None, "2") == 2
    with pytest.raises(InputError, match="--to VERSION puts one back"):
        restoring.target("digits", ENTRIES[:4], None, None)
    with pytest.raises(InputError, match="nothing ever stood in production"):
        restoring.target("digits", [], None, "2")


def test_rollback_goes_back_to_a_version_in_one_step_and_notes_it(make: Maker):
    for key in ("a", "b", "c"):
        stages.promote("digits", make(key, bundle=True, gate="passed").version, "production")
    while_second = ledger.read("digits")[1].at
    assert stages.rollback("digits", to="1").label == "digits/1"
    entry = ledger.read("digits")[-1]
    assert (entry.move, entry.version, entry.replaced, entry.reason) == ("rollback", 1, 3, "rollback from digits/3, to 1")
    assert stages.rollback("digits", to=while_second, reason="was better").label == "digits/2"
    assert ledger.read("digits")[-1].reason == "was better"


def test_rollback_to_the_present_version_changes_nothing(make: Maker):
    stages.promote("digits", make("a", bundle=True, gate="passed").version, "production")
    before = ledger.read("digits")
    assert stages.rollback("digits", to="1").stage == "Production"
    assert ledger.read("digits") == before

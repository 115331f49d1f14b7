"""Which version a rollback goes back to: the former one, one of a number, or the one that stood there at a time."""

from datetime import UTC, datetime

from model_registry import promotions
from model_registry.errors import InputError


def target(name: str, entries: list[promotions.Entry], present: int | None, to: str | None) -> int:
    """The number of the version to put back into production.

    Args:
        name: The registered model's name.
        entries: Its promotion ledger.
        present: The version in production, if any.
        to: A version's number, or an ISO date or time (UTC where it names no zone; a date alone is its first moment); None:
            the version before the present one.

    Raises:
        InputError: There is no such version, or `to` can't be read.
    """
    if to is None:
        return _former(name, entries, present)
    stood = list(dict.fromkeys(entry.version for entry in entries if entry.to == "Production"))
    if not stood:
        raise InputError(f"{name}: nothing ever stood in production, so there is nothing to roll back to.")
    if to.isdecimal() and to.isascii():
        if int(to) not in stood:
            raise InputError(
                f"--to: expected a version that stood in production before, one of {stood}. Received: {to}. "
                f"`bequest promote {name} {to} --to production` puts another one there."
            )
        return int(to)
    return _at(name, entries, _moment(to))


def _former(name: str, entries: list[promotions.Entry], present: int | None) -> int:
    if present is None:
        raise InputError(
            f"{name}: nothing stands in production, so there is nothing to roll back. `bequest status` shows all; "
            "--to VERSION puts one back that stood there."
        )
    former = promotions.former(entries, present)
    if former is None:
        raise InputError(f"{name}/{present} is the first version in production; there is no former one to go back to.")
    return former


def _moment(to: str) -> datetime:
    try:
        moment = datetime.fromisoformat(to)
    except ValueError as error:
        raise InputError(
            "--to: expected a version's number, or an ISO date or time such as 2030-01-31, 2030-01-31T14:00 (UTC) or "
            f"2030-01-31T14:00+01:00. Received: {to!r}."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _at(name: str, entries: list[promotions.Entry], moment: datetime) -> int:
    """The version that stood in production at a time, by the ledger."""
    told = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if moment > datetime.now(UTC):
        raise InputError(f"--to: expected a time in the past. Received: {told}.")
    first = next(entry.at for entry in entries if entry.to == "Production")
    if moment < datetime.fromisoformat(first):
        raise InputError(f"--to: expected a time from the first promotion on, {name}'s was at {first}. Received: {told}.")
    standing = promotions.in_production([entry for entry in entries if datetime.fromisoformat(entry.at) <= moment])
    if standing is None:
        raise InputError(f"--to: nothing stood in production of {name} at {told}. `bequest rollback {name} --to VERSION`.")
    return standing

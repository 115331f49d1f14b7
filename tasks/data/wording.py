"""Words shared by the error messages of this package."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the name closest to `name`, or nothing where none is close."""
    spelled = {str(other).casefold(): str(other) for other in names}
    near = difflib.get_close_matches(str(name).casefold(), spelled, n=1)
    return f" Did you mean {spelled[near[0]]!r}?" if near else ""


def listed(values: Iterable[object], limit: int = 10) -> str:
    """The first `limit` values as a Python list, and how many more there are."""
    known = [value if isinstance(value, int | float) else str(value) for value in values]
    shown = ", ".join(repr(value) for value in known[:limit])
    return f"[{shown}{f', ... {len(known) - limit} more' if len(known) > limit else ''}]"


def counted(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

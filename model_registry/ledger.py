"""The promotion ledger: who moved which version where, when and why. Entries are added, never changed.

Aliases keep no history of their own, so each move is also written as a tag of the registered model.
"""

import uuid

from mlflow.exceptions import MlflowException

from model_registry.promotions import PREFIX, Entry, among
from model_registry.store import absent, client, plain_errors


def add(name: str, entry: Entry) -> None:
    """Appends an entry; the key is unique, so that two writers never overwrite each other."""
    with plain_errors(f"writing the promotion ledger of {name}"):
        client().set_registered_model_tag(name, f"{PREFIX}{entry.at}.{uuid.uuid4().hex[:8]}", entry.model_dump_json())


def tags(name: str) -> dict[str, str]:
    """The tags of a registered model; none where the name is unknown."""
    with plain_errors(f"reading the tags of {name}"):
        try:
            return dict(client().get_registered_model(name).tags or {})
        except MlflowException as error:
            if not absent(error):
                raise
            return {}


def read(name: str) -> list[Entry]:
    """All entries of a name, oldest first; empty where the name is unknown."""
    return among(tags(name))

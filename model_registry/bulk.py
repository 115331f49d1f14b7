"""Thousands of versions at once, read from MLflow's tables where its database is this process's own to open.

MLflow's search gives a page of a thousand in a third of a second, most of it spent on objects that nobody looks at; a family
of ten thousand would take seconds. Nothing is written here. The tables are MLflow's own classes, so that a version of
MLflow that has others is noticed: then, and where MLflow is a server, the caller reads by pages.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.entities.model_registry import ModelVersion, ModelVersionTag
from sqlalchemy import create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from model_registry.store import ensure

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


@contextmanager
def uncollected() -> Iterator[None]:
    """Puts Python's search for garbage off: it would walk through all that was read again and again, and find none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def versions_of(name: str | None = None) -> list[ModelVersion] | None:
    """All versions of a name, or of all, without their aliases, newest first; None where they are to be read by pages."""
    uri = ensure().tracking_uri
    if not uri.startswith(_DATABASES):
        return None
    try:
        return list(_read(uri, name))
    except (ImportError, AttributeError, SQLAlchemyError):
        return None


def _read(uri: str, name: str | None) -> Iterator[ModelVersion]:
    from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Row
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag as Tag
    from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

    rows = (
        select(
            Row.name,
            Row.version,
            Row.creation_time,
            Row.last_updated_time,
            Row.current_stage,
            Row.source,
            Row.run_id,
            Row.status,
        )
        .where(Row.workspace == DEFAULT_WORKSPACE_NAME, Row.current_stage != STAGE_DELETED_INTERNAL)
        .order_by(Row.creation_time.desc(), Row.name, Row.version.desc())
    )
    tags = select(Tag.name, Tag.version, Tag.key, Tag.value).where(Tag.workspace == DEFAULT_WORKSPACE_NAME)
    if name is not None:
        rows, tags = rows.where(Row.name == name), tags.where(Tag.name == name)
    engine = create_engine(uri, poolclass=NullPool)
    with engine.connect() as connection:
        standing = connection.execute(rows).all()
        tagged: dict[tuple[str, int], list[ModelVersionTag]] = {}
        for its_name, version, key, value in connection.execute(tags):
            tagged.setdefault((its_name, version), []).append(ModelVersionTag(key, value))
    for row in standing:
        yield ModelVersion(
            name=row.name,
            version=row.version,
            creation_timestamp=row.creation_time,
            last_updated_timestamp=row.last_updated_time,
            current_stage=row.current_stage,
            source=row.source,
            run_id=row.run_id,
            status=row.status,
            tags=tagged.get((row.name, row.version), []),
            workspace=DEFAULT_WORKSPACE_NAME,
        )

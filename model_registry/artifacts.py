"""A version's files, verified before anyone reads them."""

import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow.artifacts
from filelock import FileLock

from model_registry import manifest
from model_registry.errors import InputError, IntegrityError
from model_registry.store import client, plain_errors
from model_registry.versions import Version
from model_registry.workspace import activate


def _local(location: str) -> Path | None:
    parsed = urlparse(location)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return Path(location) if parsed.scheme == "" else None


def fetch(version: Version) -> Path:
    """The folder with a version's files, every one checked against its sha256.

    Files of a local store are read where they are; those of a remote one are fetched once, by hash, and again where
    what was fetched is damaged.

    Raises:
        InputError: The version was not made by bequest.
        IntegrityError: A file is missing or was changed.
        StoreError: The store can't be reached.
    """
    if not version.ready:
        raise InputError(
            f"{version.label} is not ready: it was made by other means than bequest, or its registration was cut off. "
            "Use a version that `bequest status` lists as ready, or bring its file in with `bequest import`."
        )
    with plain_errors(f"reading the files of {version.label}"):
        location = client().get_logged_model(version.model_id).artifact_location
    folder = _local(location)
    if folder is None:
        return _download(location, version)
    if not folder.is_dir():
        raise IntegrityError(f"{version.label}: its folder {folder} is missing. Restore it, or repeat the run that made it.")
    manifest.verify(folder, version.sha256, what=version.label)
    return folder


def signature(version: Version) -> tuple[str, str | None]:
    """Where a version's signature stands, and its text; None where there is none.

    Raises:
        StoreError: The store can't be reached.
    """
    with plain_errors(f"reading the signature of {version.label}"):
        location = client().get_logged_model(version.model_id).artifact_location
        folder = _local(location)
        if folder is not None:
            path = folder / manifest.SIGNATURE
            return str(path), path.read_text() if path.is_file() else None
        where = f"{location.rstrip('/')}/{manifest.SIGNATURE}"
        names = {each.path for each in client().list_logged_model_artifacts(version.model_id)}
        return where, mlflow.artifacts.load_text(where) if manifest.SIGNATURE in names else None


def place_signature(version: Version, folder: Path) -> None:
    """Writes a version's signature into its files, where they are a copy: the version may have been signed since."""
    if folder.parent != activate().bundles:
        return
    _, content = signature(version)
    for place in (folder, folder / "bundle"):
        if content is None:
            (place / manifest.SIGNATURE).unlink(missing_ok=True)
        elif place.is_dir():
            (place / manifest.SIGNATURE).write_text(content)


def _download(location: str, version: Version) -> Path:
    space = activate()
    folder = space.bundles / version.sha256
    space.bundles.mkdir(parents=True, exist_ok=True)
    with FileLock(space.bundles / f"{version.sha256}.lock"):
        if folder.is_dir():
            try:
                manifest.verify(folder, version.sha256, what=version.label)
            except IntegrityError:
                shutil.rmtree(folder)  # only a copy: the store has the original
            else:
                return folder
        partial = space.bundles / f"{version.sha256}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with plain_errors(f"fetching the files of {version.label}"):
            Path(mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=str(partial))).replace(folder)
        shutil.rmtree(partial, ignore_errors=True)
        manifest.verify(folder, version.sha256, what=version.label)
    return folder

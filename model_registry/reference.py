"""What travels between tasks: an address and a hash, never arrays or models."""

from pydantic import BaseModel, ConfigDict


class Reference(BaseModel):
    """A thing on disk or in the registry, with the sha256 of its manifest."""

    model_config = ConfigDict(frozen=True)

    uri: str
    sha256: str


class DataRef(Reference):
    """A prepared data set; `uri` is its folder."""


class ModelRef(Reference):
    """A registered version; `uri` is `models:/name/version`."""

    @property
    def name(self) -> str:
        """The registered model's name."""
        return self.uri.removeprefix("models:/").rsplit("/", 1)[0]

    @property
    def version(self) -> int:
        """The version's number."""
        return int(self.uri.rsplit("/", 1)[1])

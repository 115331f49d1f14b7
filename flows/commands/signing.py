"""`bequest keys`, `bequest sign`, `bequest verify`: who vouches for a version."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from flows.console import out, print_json, user_errors
from model_registry.errors import InputError

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Address = Annotated[str, typer.Argument(metavar="NAME[@stage|/version]", help="A registered version.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    keys = typer.Typer(help="Keys that sign versions, and those that are trusted.", no_args_is_help=True)
    keys.command("new", epilog="Example: [bold]bequest keys new ~/.config/bequest/signing.key[/]")(new)
    keys.command("show")(show)
    app.add_typer(keys, name="keys")
    app.command("sign", epilog="Example: [bold]bequest sign digits@production[/]")(sign)
    app.command("verify", epilog="Example: [bold]bequest verify digits@production[/]")(verify)


@user_errors
def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The private key's file, outside the workspace.")],
    json: Json = False,
) -> None:
    """Make an Ed25519 key pair: FILE, which its owner alone can read, and FILE.pub, to hand to those who shall trust it."""
    from model_registry import keys

    name, public = keys.new(path)
    private = path.expanduser().absolute()
    if json:
        print_json({"key": name, "private": str(private), "public": str(public)})
        return
    out.print(f"[green]✓[/] key {name}: {escape(str(private))} (mode 0600) and {escape(str(public))}", soft_wrap=True)
    out.print(f"[dim]To sign what is registered: export {keys.SIGNING_KEY}={escape(str(private))}[/]", soft_wrap=True)
    out.print(f"[dim]To refuse what is not signed: export {keys.TRUSTED_KEYS}={escape(str(public))}[/]", soft_wrap=True)


@user_errors
def show(json: Json = False) -> None:
    """Tell which key signs, and which are trusted, as the environment says."""
    from model_registry import keys

    signing, trusted = keys.signing_key(), keys.trusted_keys()
    mine = keys.key_id(signing.public_key()) if signing is not None else None
    if json:
        print_json({"signs": mine, "trusted": {name: str(key.path) for name, key in trusted.items()}})
        return
    out.print(f"signs: {mine or f'nothing, {keys.SIGNING_KEY} is not set'}", highlight=False)
    for name, key in trusted.items():
        out.print(f"trusted: {name}  {escape(str(key.path))}", highlight=False, soft_wrap=True)
    if not trusted:
        out.print(f"trusted: all, {keys.TRUSTED_KEYS} is not set", highlight=False)


@user_errors
def sign(
    address: Address,
    replace: Annotated[bool, typer.Option("--replace", help="In place of another key's signature.")] = False,
    json: Json = False,
) -> None:
    """Sign a version that stands, with the key that BEQUEST_SIGNING_KEY names; its files are verified first."""
    from model_registry import artifacts, keys, signature, signing, versions

    key = keys.signing_key()
    if key is None:
        raise InputError(
            f"{keys.SIGNING_KEY}: expected the file of a private key. Received: none. `bequest keys new` makes one."
        )
    version = versions.resolve(address)
    folder = artifacts.fetch(version)
    mine = keys.key_id(key.public_key())
    where, content = artifacts.signature(version)
    theirs = None if content is None or replace else signature.read(content, where).key
    if theirs not in (None, mine):
        raise InputError(
            f"{version.label}: it is signed by the key {theirs}, and a version has one signature. --replace puts that of "
            f"{mine} in its place."
        )
    made = signing.sign(version, folder, key)
    if json:
        print_json(made.model_dump(mode="json"))
        return
    out.print(f"[green]✓[/] {escape(version.label)} is signed by the key {made.key}", highlight=False)


@user_errors
def verify(address: Address, json: Json = False) -> None:
    """Verify a version: every file by its sha256, and its signature by the keys that BEQUEST_TRUSTED_KEYS names."""
    from model_registry import artifacts, keys, trust, versions

    version = versions.resolve(address)
    artifacts.fetch(version)
    found = trust.require(version)
    if json:
        plain = found.model_dump(mode="json") if found is not None else None
        print_json({"version": version.label, "sha256": version.sha256, "signature": plain})
        return
    vouched = f"no signature was asked for, {keys.TRUSTED_KEYS} is not set"
    if found is not None:
        vouched = f"signed as {found.signed.label} by {found.signed.by} at {found.signed.at}, key {found.key}"
    told = f"{version.label}: its files are as registered; {vouched}"
    out.print(f"[green]✓[/] {escape(told)}", highlight=False, soft_wrap=True)

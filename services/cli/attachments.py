"""``pulse attachments``: upload, get, download."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.options import Address, Json

if TYPE_CHECKING:
    from pulse_client import Attachment, Client, StoredAttachment

AttachmentId = Annotated[str, typer.Argument(metavar="ID", help="a file's id: att_...")]
_ID = re.compile(r"att_[0-9a-f]{40}")
#: Says that the bytes go to standard output.
STANDARD_OUTPUT = "-"


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Upload files that notifications take along, and fetch them.", no_args_is_help=True)
    for command in (upload, get, download):
        tree.command(command.__name__)(command)
    return tree


def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="at most 10 MiB")],
    name: Annotated[str, typer.Option("--name", help="in place of the file's own name")] = "",
    kind: Annotated[str, typer.Option("--type", metavar="TYPE", help="application/pdf; else as the name tells")] = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Upload a file once; prints its id, which the same bytes have again."""
    attachment = read(file, name, kind)
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.upload_attachment(attachment), json)


def get(attachment_id: AttachmentId, json: Json = False, address: Address = "") -> None:
    """Show what is known of a file."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        stored = client.get_attachment(attachment_id)
    if json:
        output.print_json(stored)
        return
    output.print_fields(
        {
            "id": stored.attachment_id,
            "name": stored.filename,
            "type": stored.content_type,
            "bytes": stored.size,
            "sha256": stored.sha256,
            "uploaded": stored.create_time,
            "kept until": stored.expire_time,
        }
    )


def download(
    attachment_id: AttachmentId,
    to: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="where to; -: standard output; else under its name")
    ] = "",
    address: Address = "",
) -> None:
    """Fetch a file's bytes; a file that is there already is not overwritten."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        place = to or _own_name(client.get_attachment(attachment_id).filename) or attachment_id
        content = client.download_attachment(attachment_id)
    if place == STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        return
    try:
        with Path(place).open("xb") as file:
            file.write(content)
    except OSError as error:
        output.fail(f"{place}: {error.strerror}")
    output.say(f"{place}: {len(content)} bytes")


def read(path: Path, name: str = "", kind: str = "") -> Attachment:
    """A file from disk; BadParameter where there is none."""
    from pulse_client import Attachment

    try:
        return Attachment.from_path(path, filename=name, content_type=kind)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def given(text: str, inline_id: str = "", *, as_link: bool = False) -> Attachment:
    """What ``pulse send`` is to take along: a file from disk or, where there is none of that name, an id."""
    from pulse_client import Attachment

    if _ID.fullmatch(text) and not Path(text).exists():
        return Attachment(attachment_id=text, inline_id=inline_id, as_link=as_link)
    return replace(read(Path(text)), inline_id=inline_id, as_link=as_link)


def sendable(client: Client, file: Attachment) -> Attachment:
    """The file itself, or uploaded where a request cannot hold it."""
    if not file.is_too_large_to_send:
        return file
    stored = client.upload_attachment(file)
    return stored.attachment(filename=file.filename, inline_id=file.inline_id, as_link=file.as_link)


def _own_name(filename: str) -> str:
    """The name that it was uploaded under, which is somebody else's text: no path, nothing hidden."""
    return Path(filename).name.lstrip(".") if filename.isprintable() else ""


def _show(stored: StoredAttachment, json: bool) -> None:
    if json:
        output.print_json(stored)
        return
    print(stored.attachment_id)
    output.say(f"{stored.content_type}, {stored.size} bytes, kept until {output.printable(stored.expire_time)}")

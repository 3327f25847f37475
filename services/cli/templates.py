"""``pulse templates``: pull, diff, apply, rollback, lint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from services.cli import output
from services.cli.options import Address

if TYPE_CHECKING:
    from pulse.common.v1.fragment_pb2 import Fragment
    from pulse.common.v1.template_pb2 import Template
    from services.cli.template_folder.folder import Folder
    from services.cli.template_folder.kept import Gateway
    from services.cli.template_folder.plan import Plan
    from services.cli.template_folder.problem import Problem

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="a folder with a folder for each template")]
Prune = Annotated[bool, typer.Option("--prune", help="also take out of use what the folder does not have")]

#: What scripts go by.
FAILED, DIFFERS = 1, 2


class ForScripts(TyperCommand):
    """Fails with status 1 whatever the reason, a typing error also, as 2 says that something differs."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().make_context(*args, **kwargs)
        except typer.TyperException as error:
            error.exit_code = FAILED
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SystemExit as error:
            raise SystemExit(FAILED if error.code == DIFFERS else error.code) from None


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(
        help="Keep templates in a folder. Status 0: the same or done, 2: differs, 1: an error.", no_args_is_help=True
    )
    for command in (pull, diff, apply, rollback, lint):
        tree.command(command.__name__, cls=ForScripts)(command)
    return tree


def pull(directory: Directory, address: Address = "") -> None:
    """Write the gateway's templates into a folder; those that say the same are left as they are."""
    from services.cli.template_folder import folder, reading, writing
    from services.cli.template_folder.changes import Deletion
    from services.cli.template_folder.kept import kept

    with kept(address) as gateway:
        stored: list[Template | Fragment] = [*gateway.templates.all().values(), *gateway.fragments.all().values()]
    problems, written = [], 0
    for message in stored:
        try:
            written += writing.write(directory, message)
        except reading.Unreadable as error:
            problems.append(error.problem)
    places = {Deletion(message).place for message in stored}
    here = folder.read(directory) if directory.exists() else folder.Folder()
    for place in here.places:
        if place not in places:
            output.say(f"{place} is not at the gateway.")
    output.say(f"{written} written, {len(stored) - written - len(problems)} unchanged.")
    _fail_for(directory, problems)


def diff(directory: Directory, prune: Prune = False, address: Address = "") -> None:
    """Show what `apply` would change; status 2 if there is anything."""
    from services.cli.template_folder.changes import difference
    from services.cli.template_folder.kept import kept

    here = _read(directory)
    with kept(address) as gateway:
        found = _plan(here, gateway, prune)
    for step in found.steps:
        for line in [*difference(step)] or [f"{step.place}: takes in fragments that have changed"]:
            print(_shown(line))
    if found.steps:
        raise typer.Exit(DIFFERS)


def apply(
    directory: Directory,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check all, change nothing; status 2 if it would")] = False,
    address: Address = "",
) -> None:
    """Bring the gateway's templates to what the folder says: all of them, or none."""
    from services.cli.template_folder import applying
    from services.cli.template_folder.kept import kept
    from services.cli.template_folder.rules import broken

    here = _read(directory)
    with kept(address) as gateway:
        found = _plan(here, gateway, prune)
        _fail_for(directory, broken(here, found.kept_fragments))
        try:
            _fail_for(directory, applying.refused(gateway, found.to_be_checked()))
            if dry_run:
                _would(found)
            applying.apply(gateway, found.fragments, found.templates, found.deletions, _tell)
        except applying.KeptWhatWasToBeChecked as error:
            output.fail(f"the gateway is older than this command and kept what it was only to check: {error}")
        except applying.NotApplied as error:
            for sentence in error.left:
                output.say(f"pulse: {output.printable(sentence)}")
            _fail_for(directory, error.problems)
            output.fail(f"{error.place}: {error.error}")
    gone = len(found.deletions)
    changed = len(found.steps) - gone
    output.say(f"{changed} changed, {len(here.places) - changed} unchanged, {gone} deleted.")


def rollback(
    name: Annotated[str, typer.Argument(metavar="TEMPLATE", help="the template's name")],
    version: Annotated[int, typer.Argument(metavar="[VERSION]", min=0, help="0: the one before the newest")] = 0,
    address: Address = "",
) -> None:
    """Make what an older version says the newest version."""
    from services.cli.template_folder.changes import is_said
    from services.cli.template_folder.kept import kept

    with kept(address) as gateway:
        templates = gateway.templates
        newest = templates.get(name)
        wanted = version or newest.version - 1
        if not wanted:
            output.fail(f"{name} has no version before {newest.version}")
        if wanted > newest.version:
            output.fail(f"{name} has no version {wanted}; the newest is {newest.version}")
        older = templates.get(name, wanted)
        if is_said(older, newest):
            output.say(f"{name} says at version {newest.version} what it said at {wanted}; nothing is changed.")
            return
        made = templates.update(older, newest.version)
    output.say(f"{name} is at version {made.version}, which says what {wanted} said.")


def lint(directory: Directory) -> None:
    """Check a folder by the gateway's rules, without a gateway."""
    from services.cli.template_folder.rules import broken

    here = _read(directory)
    _fail_for(directory, broken(here, {}))
    told = f"{len(here.templates)} templates"
    if here.fragments:
        told += f" and {len(here.fragments)} fragments"
    output.say(f"{told} are as they should be.")


def _read(directory: Path) -> Folder:
    from services.cli.template_folder import folder

    here = folder.read(directory)
    _fail_for(directory, here.problems)
    return here


def _plan(here: Folder, gateway: Gateway, prune: bool) -> Plan:
    from services.cli.template_folder.plan import plan

    try:
        found = plan(here, gateway)
    except ValueError as error:
        output.fail(str(error))
    if prune:
        return found
    for deletion in found.deletions:
        output.say(f"{output.printable(deletion.place)} is only at the gateway; --prune takes it out of use.")
    return replace(found, deletions=[])


def _would(found: Plan) -> NoReturn:
    for step in found.steps:
        print(f"{step.place}: would be {step.action}d")
    raise typer.Exit(DIFFERS if found.steps else 0)


def _fail_for(directory: Path, problems: Iterable[Problem]) -> None:
    """Ends the command if there are any, with each of them."""
    found = list(problems)
    for problem in found:
        output.say(f"pulse: {output.printable(problem.below(directory))}")
    if found:
        raise SystemExit(FAILED)


def _tell(name: str, done: str, version: int) -> None:
    print(f"{name}: {done}{f', version {version}' if version else ''}", flush=True)


def _shown(line: str) -> str:
    """A line of a diff, in which nothing is a command to a terminal."""
    return output.printable(line.replace("\t", "    "))

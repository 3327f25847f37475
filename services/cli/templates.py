"""``pulse templates``: pull, diff, apply, rollback, lint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from services.cli import output
from services.cli.options import Address

if TYPE_CHECKING:
    from services.cli.template_folder.changes import Change, Deletion
    from services.cli.template_folder.converting import LocalTemplate
    from services.cli.template_folder.kept import KeptTemplates
    from services.cli.template_folder.problem import Problem

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="a folder with a folder for each template")]
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


def pull(directory: Folder, address: Address = "") -> None:
    """Write the gateway's templates into a folder; those that say the same are left as they are."""
    from services.cli.template_folder import writing
    from services.cli.template_folder.kept import kept
    from services.cli.template_folder.reading import Unreadable, folders

    with kept(address) as templates:
        stored = templates.all()
    problems, written = [], 0
    for template in stored.values():
        try:
            written += writing.write(directory, template)
        except Unreadable as error:
            problems.append(error.problem)
    if directory.exists():
        for folder in folders(directory):
            if folder.name not in stored:
                output.say(f"{folder.name} is not at the gateway.")
    output.say(f"{written} written, {len(stored) - written - len(problems)} unchanged.")
    _fail_for(directory, problems)


def diff(directory: Folder, prune: Prune = False, address: Address = "") -> None:
    """Show what `apply` would change; status 2 if there is anything."""
    from services.cli.template_folder.changes import difference
    from services.cli.template_folder.kept import kept

    local = _read(directory)
    with kept(address) as templates:
        found = [part for parts in _changes(local, templates, prune) for part in parts]
    for change in found:
        for line in difference(change):
            print(_shown(line))
    if found:
        raise typer.Exit(DIFFERS)


def apply(
    directory: Folder,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check all, change nothing; status 2 if it would")] = False,
    address: Address = "",
) -> None:
    """Bring the gateway's templates to what the folder says: all of them, or none."""
    from services.cli.template_folder import applying
    from services.cli.template_folder.kept import kept

    local = _read(directory)
    _fail_for(directory, _broken(local))
    with kept(address) as templates:
        found, gone = _changes(local, templates, prune)
        try:
            _fail_for(directory, applying.refused(templates, found))
            if dry_run:
                _would(found, gone)
            applying.apply(templates, found, gone, _tell)
        except applying.KeptWhatWasToBeChecked as error:
            output.fail(f"the gateway is older than this command and kept what it was only to check: {error}")
        except applying.NotApplied as error:
            for sentence in error.left:
                output.say(f"pulse: {output.printable(sentence)}")
            output.fail(f"{error.name}: {error.error}")
    output.say(f"{len(found)} changed, {len(local) - len(found)} unchanged, {len(gone)} deleted.")


def rollback(
    name: Annotated[str, typer.Argument(metavar="TEMPLATE", help="the template's name")],
    version: Annotated[int, typer.Argument(metavar="[VERSION]", min=0, help="0: the one before the newest")] = 0,
    address: Address = "",
) -> None:
    """Make what an older version says the newest version."""
    from services.cli.template_folder.changes import is_said
    from services.cli.template_folder.kept import kept

    with kept(address) as templates:
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


def lint(directory: Folder) -> None:
    """Check a folder by the gateway's rules, without a gateway."""
    local = _read(directory)
    _fail_for(directory, _broken(local))
    output.say(f"{len(local)} templates are as they should be.")


def _read(directory: Path) -> Mapping[str, LocalTemplate]:
    from services.cli.template_folder import folder

    local, problems = folder.read(directory)
    _fail_for(directory, problems)
    return local


def _broken(local: Mapping[str, LocalTemplate]) -> list[Problem]:
    from services.cli.template_folder.rules import broken

    return [problem for template in local.values() for problem in broken(template)]


def _changes(
    local: Mapping[str, LocalTemplate], templates: KeptTemplates, prune: bool
) -> tuple[list[Change], list[Deletion]]:
    from services.cli.template_folder.changes import changes, deletions

    stored = templates.all()
    gone = deletions(local, stored)
    if not prune:
        for deletion in gone:
            output.say(f"{output.printable(deletion.name)} is only at the gateway; --prune takes it out of use.")
    try:
        return changes(local, stored), gone if prune else []
    except ValueError as error:
        output.fail(str(error))


def _would(found: list[Change], gone: list[Deletion]) -> NoReturn:
    every: list[Change | Deletion] = [*found, *gone]
    for change in every:
        print(f"{change.name}: would be {change.action}d")
    raise typer.Exit(DIFFERS if every else 0)


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

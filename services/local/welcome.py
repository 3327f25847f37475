"""What is shown once everything is ready: where things are, and what to try first."""

from __future__ import annotations

import json

from rich.console import Console

from services.local.plan import Plan

FIRST_NOTIFICATION = {
    "user_id": "user_123",
    "template_name": "welcome_email",
    "to": "test@example.com",
    "context": {"name": "John"},
    "channel": "email",
}


def show(plan: Plan, console: Console, seconds: float, auth: str) -> None:
    """Prints the addresses and the first command; says loudly whether a credential is needed."""
    console.print(f"\n[bold green]Pulse is ready[/] after {seconds:.1f} s. Ctrl-C stops it.\n", highlight=False)
    for name, address in addresses(plan).items():
        console.print(f"  {name:<18} {address}", markup=False, highlight=False)
    key = _take_first_key(plan) if auth == "required" else ""
    if key:
        console.print(
            "\n[bold]The first API key[/], which may do everything and is shown this once:\n", highlight=False
        )
        console.print(f"  export PULSE_API_KEY={key}", markup=False, highlight=False, soft_wrap=True)
        console.print("\n[yellow]`pulse keys create` makes others; lost? `pulse keys bootstrap` makes one more.[/]")
    if auth == "off":
        console.print("\n[bold yellow]DEVELOPMENT: no credential is needed; every call belongs to tenant `default`.[/]")
        console.print("[yellow]PULSE_AUTH=required turns API keys on.[/]")
    console.print("\nSend your first notification, then look at it in the sandbox:\n")
    console.print(first_command(plan, needs_key=auth == "required"), markup=False, highlight=False, soft_wrap=True)
    console.print()


def _take_first_key(plan: Plan) -> str:
    """The key that was made for this run, which nobody can read afterwards; empty if none was."""
    file = plan.home.first_key_file
    if not file.exists():
        return ""
    key = file.read_text(encoding="ascii")
    file.unlink()
    return key


def addresses(plan: Plan) -> dict[str, str]:
    """Where people find what, in the order in which they look for it."""
    ports = plan.ports
    return {
        "REST": f"http://localhost:{ports.http}",
        "gRPC": f"localhost:{ports.grpc}",
        "Console": f"http://localhost:{ports.http}/console",
        "API documentation": f"http://localhost:{ports.http}/docs",
        "Sandbox inbox": f"http://localhost:{ports.sandbox}",
        "Logs": str(plan.home.path / "log"),
    }


def first_command(plan: Plan, *, needs_key: bool) -> str:
    """A command that sends an email, to be pasted as it is."""
    body = json.dumps(FIRST_NOTIFICATION, separators=(",", ":"))
    key = '-H "Authorization: Bearer $PULSE_API_KEY" ' if needs_key else ""
    return (
        f"curl -X POST http://localhost:{plan.ports.http}/api/notifications/send/ {key}"
        f"-H \"Content-Type: application/json\" -d '{body}'"
    )

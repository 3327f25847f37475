"""Statements on what has a name and versions that never change: templates, fragments."""

from __future__ import annotations


def create(table: str) -> str:
    """Takes a name that is free. One that was deleted goes on where its versions ended, as those stay readable."""
    return f"""
INSERT INTO {table} AS t (tenant_id, name, version, created_at) VALUES (%(tenant_id)s, %(name)s, 1, %(now)s)
ON CONFLICT (tenant_id, name) DO UPDATE SET version = t.version + 1, created_at = excluded.created_at, deleted_at = NULL
WHERE t.deleted_at IS NOT NULL
RETURNING version
"""  # noqa: S608 -- made of constants


def update(table: str) -> str:
    """Gives the next version, if the newest one is ``expected``, or whichever it is for 0.

    Updates of one name wait for each other here, so that each gets a version of its own.
    """
    return f"""
UPDATE {table} SET version = version + 1
WHERE tenant_id = %(tenant_id)s AND name = %(name)s AND deleted_at IS NULL AND %(expected)s::int IN (0, version)
RETURNING version
"""  # noqa: S608 -- made of constants


def delete(table: str) -> str:
    """Takes a name out of use."""
    return f"""
UPDATE {table} SET deleted_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND name = %(name)s AND deleted_at IS NULL
"""  # noqa: S608 -- made of constants

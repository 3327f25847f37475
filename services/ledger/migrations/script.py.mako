"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
#: "before": the running release can live with it. "after": only once no process of that release runs any more.
release = "before"


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}

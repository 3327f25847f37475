"""The only speaker of PostgreSQL: idempotency, states, attempts and templates."""

"""The router, in front of a played ledger, a real Valkey and real queues."""

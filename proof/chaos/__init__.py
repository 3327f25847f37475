"""The proof of Pulse's promise: a mixed load under faults, and a checker over the ledger and the providers' log."""

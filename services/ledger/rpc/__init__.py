"""The ledger's three services, and protobuf to values and back."""

"""gRPC: channels, servers, deadlines, identities."""

"""Whether a provider is called, and for whom: no gRPC, no protobuf, no driver."""

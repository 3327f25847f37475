"""What a request may say: no gRPC, no protobuf."""

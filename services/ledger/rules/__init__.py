"""What may happen to a notification, decided from values alone: no gRPC, no protobuf, no driver, no SQL."""

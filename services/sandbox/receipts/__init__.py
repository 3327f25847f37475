"""What was received, kept and shown."""

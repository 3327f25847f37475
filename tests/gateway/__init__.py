"""The gateway: its rules one by one, and its services as served."""

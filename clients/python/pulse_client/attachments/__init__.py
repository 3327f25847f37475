"""Files that go with notifications."""

"""The schema, its partitions, and what is dropped at their end."""

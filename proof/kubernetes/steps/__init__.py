"""What is tried in the cluster, a file for each kind of thing. A step raises ``Failed``, or returns what it saw."""

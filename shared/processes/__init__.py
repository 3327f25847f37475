"""A role that runs as several processes of one machine: a small parent, and children that share its port."""

"""From a submission to a recorded notification."""

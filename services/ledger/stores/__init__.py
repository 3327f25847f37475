"""What is kept beside notifications: recipients, providers, templates, limits, keys."""

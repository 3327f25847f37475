"""What recipients read: templates, languages, bounds of channels."""

"""The front door: credential, validation, template lookup and the public API."""

"""The look-alikes: a package for each provider, or for several that belong together."""

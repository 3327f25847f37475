"""The network around Pulse: domains, addresses, servers of HTTP."""

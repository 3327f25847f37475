"""From a request that came in to the router's answer."""

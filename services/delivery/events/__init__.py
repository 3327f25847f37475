"""Sends events to the endpoints of subscriptions, in a lane of its own: no notification waits for it."""

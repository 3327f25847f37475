"""Streams that are kept for unary calls: half the price of a call, where there are many."""

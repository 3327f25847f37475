"""Emails as bytes, for whichever provider carries them."""

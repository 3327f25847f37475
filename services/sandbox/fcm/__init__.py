"""Firebase Cloud Messaging, and Google's tokens for it."""

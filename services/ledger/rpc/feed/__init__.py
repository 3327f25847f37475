"""The feed's part of LedgerReader."""

"""Local look-alikes of the providers, which keep what they received and fail on request."""

"""Parts that fail over, as they do in production: each with the fault that makes it do so."""

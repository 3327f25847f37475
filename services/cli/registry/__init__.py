"""Commands on what an operator registers, and requests name."""

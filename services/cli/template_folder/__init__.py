"""Templates as code: a folder of them, compared with what a gateway keeps, and brought there."""

"""Tables and columns that the release before need not know."""

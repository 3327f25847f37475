"""Reading and watching notifications; dead letters."""

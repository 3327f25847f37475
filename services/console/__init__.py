"""The console: the operator's web page and the API's documentation."""

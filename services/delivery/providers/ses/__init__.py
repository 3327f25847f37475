"""Email by Amazon SES."""

"""Amazon SES and SNS."""

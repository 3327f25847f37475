"""Local look-alikes of SMTP, Twilio and FCM that keep what they received and fail on request."""

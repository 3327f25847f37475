"""What has to hold of all that was acknowledged, whatever was broken."""

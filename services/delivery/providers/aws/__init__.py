"""What Amazon's providers share."""

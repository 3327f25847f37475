"""What every provider is made of."""

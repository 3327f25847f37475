"""What providers report, and whether they can be reached."""

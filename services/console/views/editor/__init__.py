"""The template editor: its form, what the API's answers mean in it, and what a recipient would see."""

"""What every page is made of: requests, sessions, forms, pages."""

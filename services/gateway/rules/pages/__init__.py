"""What people see who follow a link of Pulse's."""

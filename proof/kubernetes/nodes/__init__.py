"""What a Kubernetes of two nodes is made of on one machine."""

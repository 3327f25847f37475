"""What a notification says beside subject and text: a template's content first, the request's laid over it."""

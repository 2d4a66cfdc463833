"""What a user can rely on, told one sentence at a time through the public API."""

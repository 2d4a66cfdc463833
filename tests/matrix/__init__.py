"""Every example, killed everywhere."""

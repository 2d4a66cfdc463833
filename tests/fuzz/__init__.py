"""Data that nobody has thought of, for as long as you like."""

"""Random programs: what they compute, by plain Python and by the runtime."""

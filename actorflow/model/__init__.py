"""What can be defined, what can have happened, what follows: pure, without a world."""

"""How each event changes the state, by what it happens to; `fold.apply` chooses."""

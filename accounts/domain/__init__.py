"""Who: the rules, as plain Python."""

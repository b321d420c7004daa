"""Margin calls, run identities and levels: the rules, as plain Python with integers."""

"""The rules of the record, as plain Python: no database, no clock, no randomness, no floats."""

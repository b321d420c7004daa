"""What the launcher raises: one kind, whose text tells a person what to do next."""


class EmbeddedError(Exception):
    """The servers could not be found, started or stopped. The message names the remedy."""

"""The error for a file that exists and cannot be used."""


class NotReadable(ValueError):
    """The file cannot be used. The message follows the file's name, as in "is not JSON", and quotes none of its
    content."""

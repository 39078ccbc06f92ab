"""What is wrong with a file that is there."""


class NotReadable(ValueError):
    """Nothing can be learned from the file. The text goes on after its name, as in "is not JSON", and quotes none of
    its content."""

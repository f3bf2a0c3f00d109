"""Where a value stands in a JSON document: the steps to it, and these as a JSON Pointer (RFC 6901)."""

Step = str | int
JsonPath = tuple[Step, ...]


def json_pointer(path: JsonPath) -> str:
    """The path as a JSON Pointer; the whole document is the empty text.

    >>> json_pointer(("systems", "a/b~c", 0))
    '/systems/a~1b~0c/0'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)

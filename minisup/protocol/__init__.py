"""Pure codecs: bytes in, meaning out, and back. Nothing here reads or writes a descriptor."""

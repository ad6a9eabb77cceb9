"""From the text of a supervisord.conf to the specs that the rest of minisup works from."""

import posixpath


def search_places(argv0: str) -> tuple[str, ...]:
    """Where the configuration is searched without ``-c``, in this order, as supervisord names them."""
    beside = posixpath.dirname(posixpath.dirname(argv0))
    return (
        posixpath.join(beside, "etc", "supervisord.conf"),
        posixpath.join(beside, "supervisord.conf"),
        "supervisord.conf",
        "etc/supervisord.conf",
        "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    )

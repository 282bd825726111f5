"""Where a Ray cluster answers."""

import socket

INSTALL = "pip install -e '.[ray]'"


def knock(address: str) -> None:
    """Raises OSError or ValueError where nothing listens; Ray itself would try again for more than eight minutes."""
    from ray._private.services import canonicalize_bootstrap_address

    host, _, port = str(canonicalize_bootstrap_address(address)).rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()

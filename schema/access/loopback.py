"""Which hosts only this machine can reach: loopback addresses, and unix sockets."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """A name other than ``localhost`` counts as remote: its addresses can change."""
    if host.startswith("unix:") or host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

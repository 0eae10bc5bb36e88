"""TCP ports on 127.0.0.1: is one free, find one, listen on one."""

import random
import socket
from collections.abc import Callable

HOST = "127.0.0.1"
LISTEN_BACKLOG = 2048

# Below the range from which systems take ports for outgoing connections (Linux 32768, macOS 49152): a
# port found here can be taken by another server only, not by any client in the meantime.
FREE_PORTS = range(20_000, 32_000)


class PortTaken(Exception):
    """A port that should be ours is in use by somebody else."""

    def __init__(self, port: int, variable: str) -> None:
        super().__init__(
            f"port {port} is in use by another program; choose another one with {variable}=<port>"
        )


def is_free(port: int) -> bool:
    """Whether this process could listen on the port now."""
    try:
        with _bound(port):
            return True
    except OSError:
        return False


def free_port(is_usable: Callable[[int], bool] = is_free) -> int:
    """A port nobody listens on, chosen at random so that parallel callers hardly meet."""
    for port in random.sample(FREE_PORTS, k=200):
        if is_usable(port):
            return port
    raise OSError("no free port found on 127.0.0.1")


def required(port: int, variable: str) -> int:
    """The port itself if it is free, any free one for 0; raises PortTaken naming the variable."""
    if port == 0:
        return free_port()
    if not is_free(port):
        raise PortTaken(port, variable)
    return port


def listen(port: int, variable: str) -> socket.socket:
    """A listening socket that processes can inherit; it takes connections before anybody accepts them."""
    try:
        listener = _bound(port)
    except OSError as error:
        raise PortTaken(port, variable) from error
    # connections inherit it; uvicorn takes an inherited socket for a UNIX one and does not set it, and then
    # the body of an answer waits 40 ms for the acknowledgement of its headers
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.listen(LISTEN_BACKLOG)
    return listener


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound

"""Network: a trial talks to itself at most."""

from __future__ import annotations

import os
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

TIERS = pytest.mark.parametrize("tier", ["namespaces", "landlock"])


class Listener:
    """Listens on loopback (TCP, UDP) and on Unix sockets, with a path and abstract; keeps what it hears."""

    def __init__(self, directory: Path) -> None:
        self.heard: list[bytes] = []
        self.path = str(directory / "listener.sock")
        self.abstract = f"\0guard-test-{id(self)}"
        heard = self.heard

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data = self.request[0] if isinstance(self.request, tuple) else self.request.recv(100)
                heard.append(data)

        tcp = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        udp = socketserver.UDPServer(("127.0.0.1", tcp.server_address[1]), Handler)
        unix = socketserver.UnixStreamServer(self.path, Handler)
        abstract = socketserver.UnixStreamServer(self.abstract, Handler)
        datagrams = socketserver.UnixDatagramServer(self.path + ".dgram", Handler)
        self._servers = [tcp, udp, unix, abstract, datagrams]
        self.port = tcp.server_address[1]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def listener(place: Path) -> Iterator[Listener]:
    listener = Listener(place)
    for name in ("listener.sock", "listener.sock.dgram"):
        (place / name).chmod(0o777)
    yield listener
    listener.close()


def test_the_listener_hears_whoever_is_not_guarded(confine, listener: Listener) -> None:
    """Without this, silence in the other tests would prove nothing."""
    confine(
        f"""
        import socket
        connection = socket.create_connection(("127.0.0.1", {listener.port}))
        connection.sendall(b"hello")
        connection.close()
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pair[0].sendto(b"datagram", {listener.path + ".dgram"!r})
        """,
        tier="none",
    )
    listener.close()
    assert sorted(listener.heard) == [b"datagram", b"hello"]


@TIERS
def test_the_machines_own_services_are_out_of_reach(
    confine, listener: Listener, tier: str, user: str
) -> None:
    outcome = confine(
        f"""
        import socket
        answer = []
        def attempt(work):
            try:
                work()
            except OSError as error:
                answer.append(type(error).__name__)
            else:
                answer.append("sent")
        def tcp():
            socket.create_connection(("127.0.0.1", {listener.port}), 2).sendall(b"tcp")
        def unix():
            socket.socket(socket.AF_UNIX).connect({listener.path!r})
        def abstract():
            socket.socket(socket.AF_UNIX).connect({listener.abstract!r})
        def datagram():
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            pair[0].sendto(b"x", {listener.path + ".dgram"!r})
        def vsock():
            socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).connect((2, 1))
        def packet():
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        for work in (tcp, unix, abstract, datagram, vsock, packet):
            attempt(work)
        try:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"udp", ("127.0.0.1", {listener.port}))
        except OSError:
            pass
        """,
        tier=tier,
        user=user,
    )
    assert "sent" not in outcome.answer
    assert len(outcome.answer) == 6
    listener.close()
    assert listener.heard == []


@pytest.mark.parametrize("shelf", ["/run", "/tmp", "/var/lib", "/usr/local", "/opt", "/dev/shm", "/etc"])
def test_no_socket_with_a_path_leads_out(confine, shelf: str, user: str) -> None:
    """Paths cross network namespaces; what a trial sees at that path is not the machine's socket."""
    if not os.access(shelf, os.W_OK):
        pytest.skip(f"needs to put a socket into {shelf}")
    with tempfile.TemporaryDirectory(dir=shelf) as directory:
        Path(directory).chmod(0o777)
        listener = Listener(Path(directory))
        for path in Path(directory).iterdir():
            path.chmod(0o777)
        try:
            outcome = confine(
                f"""
                import socket
                answer = []
                def stream():
                    socket.socket(socket.AF_UNIX).connect({listener.path!r})
                def datagram():
                    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                    pair[0].sendto(b"x", {listener.path + ".dgram"!r})
                for work in (stream, datagram):
                    try:
                        work()
                    except OSError as error:
                        answer.append(type(error).__name__)
                """,
                user=user,
            )
        finally:
            listener.close()
    assert len(outcome.answer) == 2
    assert listener.heard == []


def test_unix_sockets_of_the_trials_own_work(confine, user: str) -> None:
    """Workers that hand over open files need them, those of PyTorch's DataLoader for one."""
    outcome = confine(
        """
        import multiprocessing
        with multiprocessing.get_context("fork").Manager() as manager:
            shared = manager.dict()
            child = multiprocessing.get_context("fork").Process(target=shared.update, args=({"a": 1},))
            child.start(); child.join()
            answer = dict(shared)
        """,
        user=user,
    )
    assert outcome.answer == {"a": 1}


@TIERS
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("socket.create_connection(('192.0.2.1', 80), 2)", "use the network: connect to 192.0.2.1:80"),
        ("socket.create_connection(('example.com', 443), 2)", "use the network: look up example.com"),
        (
            "import urllib.request; urllib.request.urlopen('http://example.com/data.csv', timeout=2)",
            "use the network: look up example.com",
        ),
        (
            "socket.socket(socket.AF_UNIX).connect('/tmp/.X11-unix/X7')",
            "use the network: connect to the Unix socket /tmp/.X11-unix/X7",
        ),
    ],
)
def test_a_refusal_is_named(confine, tier: str, cell: str, words: str) -> None:
    outcome = confine(f"import socket; {cell}", tier=tier)
    assert outcome.blocked is not None
    assert outcome.blocked.startswith("use ")
    if tier == "namespaces":
        assert outcome.blocked == words
        assert words.split(": ")[1] in outcome.observations["network"]


def test_a_database_on_this_machine_counts_as_network(confine) -> None:
    outcome = confine("import socket; socket.create_connection(('localhost', 5432), 2)")
    assert outcome.blocked is not None
    assert outcome.blocked.endswith(":5432")


def test_loopback_within_the_trial_and_asyncio_work(confine, user: str) -> None:
    outcome = confine(
        """
        import asyncio
        async def talk():
            async def greet(reader, writer):
                writer.write(b"hello")
                await writer.drain()
                writer.close()
            server = await asyncio.start_server(greet, "127.0.0.1", 0)
            reader, _ = await asyncio.open_connection(*server.sockets[0].getsockname())
            return (await reader.read()).decode()
        answer = asyncio.run(talk())
        """,
        user=user,
    )
    assert outcome.answer == "hello"

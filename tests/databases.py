"""MongoDBs of their own, as a team may have them: with a user, as a replica set, far away."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from curation.cli import doctor


@contextmanager
def mongod(folder: Path, *options: str) -> Iterator[int]:
    """The port of one that has these options and answers."""
    folder.mkdir(parents=True)
    port = free_port()
    place = ["--dbpath", folder, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([doctor.mongod_path(), *place, *options], stdout=log)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    with pymongo.MongoClient(port=port, directConnection=True) as client:
        for _ in range(100):
            with suppress(PyMongoError):
                client.admin.command("ping")
                return
            time.sleep(0.1)
    raise TimeoutError("no mongod")


def add_user(port: int, name: str, password: str, role: str = "readWrite") -> None:
    """Of a mongod with ``--auth``, beside its first; with a role on FiftyOne's database alone."""
    with pymongo.MongoClient(port=port) as client:
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    with pymongo.MongoClient(port=port, username="root", password="root") as client:
        roles = [{"role": role, "db": "fiftyone"}]
        client.admin.command("createUser", name, pwd=password, roles=roles)


def begin_replica_set(port: int, name: str) -> None:
    """Of this one alone; waits until it takes writes."""
    with pymongo.MongoClient(port=port, directConnection=True) as client:
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        client.admin.command("replSetInitiate", {"_id": name, "members": members})
        while not client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class FarAway:
    """Stands before a MongoDB, and hands each message on a while later.

    Attributes:
        port: to connect to
        queries: messages of clients so far
    """

    def __init__(self, port: int, pause: float) -> None:
        self.queries = 0
        self._to, self._pause = port, pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for way in ((client, server, self._pause), (server, client, 0)):
                    threading.Thread(target=self._hand_on, args=way, daemon=True).start()

    def _hand_on(self, source: socket.socket, to: socket.socket, pause: float) -> None:
        with suppress(OSError):
            while header := _exactly(source, 4):
                rest = _exactly(source, int.from_bytes(header, "little") - 4)
                if source.getsockname()[1] == self.port:
                    self.queries += 1
                time.sleep(pause)
                to.sendall(header + rest)
        for end in (source, to):
            end.close()


def _exactly(source: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            return b""
        found += part
    return bytes(found)

import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from curation.store import app
from tests.store.test_store import dataset, records  # noqa: F401 - fixtures


def test_a_service_that_speaks_no_http_is_no_app():
    with socket.create_server((app.ADDRESS, 0)) as service:

        def greet():
            connection, _ = service.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert not app._answers(service.getsockname()[1])
        thread.join()


def test_the_app_serves_on_loopback_says_where_and_takes_its_server_along(dataset):  # noqa: F811
    with socket.socket() as probe:
        probe.bind((app.ADDRESS, 0))
        port = probe.getsockname()[1]
    command = [Path(sys.executable).parent / "curate", "app", dataset.name, "--no-browser"]
    with subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True) as it:
        url = it.stdout.readline().strip()
        assert url.startswith(f"http://127.0.0.1:{port}/datasets/{dataset.name}?workspace=review")
        assert urllib.request.urlopen(url).status == 200
        it.terminate()
        assert it.wait(20) == 0
    assert not app._answers(port)

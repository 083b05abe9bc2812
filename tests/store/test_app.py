import socket
import threading

from curation.store import app


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

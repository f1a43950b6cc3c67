"""Servers for tests that need one: where one is found, how it is started, and why there is none.

RisingWave, in this order: the server that FEATURECTL_TEST_RISINGWAVE_DSN names; an executable
`risingwave` on PATH, started in a temporary directory on free loopback ports; a container, if a
Docker engine answers. A server that is there and does not work is an error, only none at all is a skip.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.guarding import guard, release

if TYPE_CHECKING:
    from collections.abc import Iterator

DSN_VARIABLE = "FEATURECTL_TEST_RISINGWAVE_DSN"
IMAGE = "risingwavelabs/risingwave:v2.6.3"
START_SECONDS = 120
STOP_SECONDS = 20
_GIB = 1 << 30
_SECRETS = "RW_SECRET_STORE_PRIVATE_KEY_HEX"  # without a key a server takes no CREATE SECRET


class ServerMissing(Exception):
    """No server can be had; the message says what was tried."""


@contextmanager
def risingwave_server() -> Iterator[str]:
    """The DSN of a RisingWave server that answers. Raises ServerMissing if none is to be had."""
    given = os.environ.get(DSN_VARIABLE)
    executable = shutil.which("risingwave")
    if given:
        _wait_for_sql(given, seconds=10)
        yield given
    elif executable:
        with _process(executable) as dsn:
            yield dsn
    elif _docker_answers():
        with _container() as dsn:
            yield dsn
    else:
        raise ServerMissing(f"{DSN_VARIABLE} is not set, no risingwave on PATH, no Docker engine answers")


@contextmanager
def _process(executable: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="risingwave-") as folder:
        ports = _free_ports(8)
        output = Path(folder) / "server.log"
        with output.open("wb") as stream:
            server = subprocess.Popen(
                [executable, *_standalone(Path(folder), ports, durable=False)],
                cwd=folder,
                env={**os.environ, "ENABLE_TELEMETRY": "false", "RUST_LOG": "warn", _SECRETS: "0123456789abcdef" * 2},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        guard(server)
        try:
            dsn = _dsn(ports[0])
            _wait_for_sql(dsn, seconds=START_SECONDS, server=server, output=output)
            yield dsn
        finally:
            _stop(server)


def _standalone(folder: Path, ports: list[int], *, durable: bool = True) -> list[str]:
    """All four nodes in one process. Not `single_node`, which ties its inner ports to fixed numbers.

    `durable`: what it knows outlives it. In a file its pool of connections was seen to take a whole core, from some
    minutes after the start on: 97 % of the meta node's time in the pool's maintenance (2.6.3).
    """
    backend = f"sqlite --sql-endpoint {folder}/meta.db" if durable else "mem"
    sql, meta, compute, compactor, dashboard, rpc, webhook, metrics = (f"127.0.0.1:{port}" for port in ports)
    nodes = {
        "meta": f"--listen-addr {meta} --advertise-addr {meta} --dashboard-host {dashboard}"
        f" --backend {backend}"
        f" --state-store hummock+fs://{folder}/state --data-directory hummock_001",
        "compute": f"--listen-addr {compute} --advertise-addr {compute} --meta-address http://{meta}"
        f" --role both --parallelism 2 --total-memory-bytes {4 * _GIB}",
        "frontend": f"--listen-addr {sql} --advertise-addr {sql} --meta-addr http://{meta}"
        f" --health-check-listener-addr {rpc} --webhook-listen-addr {webhook}"
        f" --frontend-total-memory-bytes {_GIB}",
        "compactor": f"--listen-addr {compactor} --advertise-addr {compactor} --meta-address http://{meta}"
        f" --compactor-total-memory-bytes {_GIB}",
    }
    options = [f"--{node}-opts={words}" for node, words in nodes.items()]
    return ["standalone", f"--prometheus-listener-addr={metrics}", *options]


def _wait_for_sql(
    dsn: str, *, seconds: float, server: subprocess.Popen[bytes] | None = None, output: Path | None = None
) -> None:
    """Return once a statement that needs all nodes is answered. Raises RuntimeError with the last reason."""
    import psycopg2

    deadline = time.monotonic() + seconds
    while True:
        try:
            with ExitStack() as stack:
                connection = psycopg2.connect(dsn, connect_timeout=5)
                stack.callback(connection.close)
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute("SELECT count(*) FROM rw_catalog.rw_worker_nodes")
                cursor.execute("FLUSH")
                return
        except psycopg2.Error as error:
            reason = str(error).strip().splitlines()[0]
        if server is not None and server.poll() is not None:
            raise RuntimeError(f"risingwave ended with {server.returncode}: {_tail(output)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"risingwave did not answer in {seconds:.0f} s: {reason}")
        time.sleep(0.2)


def _tail(output: Path | None) -> str:
    lines = output.read_text(errors="replace").strip().splitlines() if output else []
    return " / ".join(line.strip() for line in lines[-3:]) or "it said nothing"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    release(server)


def _docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


@contextmanager
def _container() -> Iterator[str]:
    container = _docker("run", "--detach", "--rm", "--publish", "127.0.0.1::4566", IMAGE, "single_node")
    try:
        port = _docker("port", container, "4566/tcp").rpartition(":")[2]
        _wait_for_sql(_dsn(port), seconds=START_SECONDS)
        yield _dsn(port)
    finally:
        _docker("rm", "--force", container)


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _dsn(port: int | str) -> str:
    return f"host=127.0.0.1 port={port} user=root dbname=dev"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]

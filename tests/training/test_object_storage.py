"""Exports to, and backfills from, S3-compatible storage: a real server on loopback."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import boto3
import duckdb
import pytest
from moto.server import ThreadedMotoServer

from featurectl.buckets import Bucket
from featurectl.errors import BucketError, UsageError
from featurectl.services.exporting import ExportedView, export
from producers.commands import produce
from tests.training.test_exporting import SECOND_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.releases.project import ReleaseProject

PLACE = "s3://features/offline"


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(storage: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Who asks, and where; an empty bucket."""
    for name, value in {
        "AWS_ENDPOINT_URL": storage, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="features")
    bucket = Bucket("s3://features")
    bucket.remove([found.name for found in bucket.list()])
    return client


def objects() -> dict[str, str]:
    return {found.name: found.tag for found in Bucket(PLACE).list()}


def test_only_months_that_changed_are_put_there_again(embedded: ReleaseProject, client: Any, tmp_path: Path) -> None:
    embedded.write("migrations/0002_july.sql", SECOND_MONTH)
    embedded.apply()
    first = export(embedded.engine, embedded.settings, PLACE, ["hourly"])
    assert first == [ExportedView("hourly", "hourly_v1", 2, 0, 0, 87)]
    june, july = (f"hourly/version=1/month=2024-{month}/features.parquet" for month in ("06", "07"))
    before = objects()
    assert set(before) == {june, july, "_featurectl/hourly_v1.json"}
    Bucket(PLACE).download(july, tmp_path / "july.parquet")
    with duckdb.connect() as con:
        assert con.execute(f"SELECT value FROM '{tmp_path}/july.parquet'").fetchall() == [(7.5,)]
    embedded.write("migrations/0003_gone.sql", "DELETE FROM readings WHERE id = 900;")
    embedded.write("migrations/0004_revised.sql", "UPDATE readings SET value = 8 WHERE id = 1;")
    embedded.apply()
    said = embedded.run("export", "hourly", "--out", PLACE, "--output", "json")
    assert json.loads(said) == [
        {"view": "hourly", "version": "hourly_v1", "months written": 1, "kept": 0, "removed": 1, "rows": 86}
    ]
    assert set(objects()) == {june, "_featurectl/hourly_v1.json"}
    assert objects()[june] != before[june]
    last = objects()
    assert export(embedded.engine, embedded.settings, PLACE, ["hourly"])[0].written == 0
    assert objects()[june] == last[june]


def test_what_an_export_that_broke_off_left_is_done_again(embedded: ReleaseProject, client: Any) -> None:
    export(embedded.engine, embedded.settings, PLACE, ["hourly"])
    whole = objects()
    client.delete_object(Bucket="features", Key="offline/_featurectl/hourly_v1.json")
    client.put_object(Bucket="features", Key="offline/hourly/version=1/month=2024-06/features.parquet", Body=b"old")
    assert export(embedded.engine, embedded.settings, PLACE, ["hourly"])[0].written == 1
    assert objects().keys() == whole.keys()
    assert Bucket(PLACE).read("hourly/version=1/month=2024-06/features.parquet") != b"old"


def test_errors_are_one_line_with_a_hint(
    embedded: ReleaseProject, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(out: str, code: int = 1) -> list[str]:
        lines = embedded.run("export", "hourly", "--out", out, code=code).splitlines()
        assert len(lines) == 2 and lines[1].startswith("hint: "), lines
        return lines

    assert "make the bucket first" in refused("s3://nowhere/x")[1]
    assert "such as s3://bucket/folder" in refused("s3://", code=2)[1]
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        assert "nobody said who asks" in (lines := refused(PLACE))[0]
        assert "AWS_ACCESS_KEY_ID" in lines[1]
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert "AWS_ENDPOINT_URL says where" in refused(PLACE)[1]
    assert objects() == {}
    with pytest.raises(BucketError, match="cannot read s3://nowhere/x"):
        Bucket("s3://nowhere").read("x")


def test_events_come_from_a_prefix(embedded: ReleaseProject, client: Any) -> None:
    event = {"event_type": "solar_production", "timestamp": "2024-06-01T12:00:00+00:00", "region": "DE"}
    event |= {"production_mw": 1.5, "source": "test"}
    lines = [json.dumps(event | {"timestamp": f"2024-06-0{day}T12:00:00+00:00"}) for day in (1, 2)]
    for day, line in enumerate(lines, 1):
        client.put_object(Bucket="features", Key=f"raw/day={day}/events.ndjson", Body=f"{line}\n".encode())
    client.put_object(Bucket="features", Key="raw/README.txt", Body=b"no events")
    made = produce("solar", settings=embedded.settings, source="s3://features/raw")
    assert (made.published, made.rejected) == (2, 0)
    with pytest.raises(UsageError, match="no events at s3://features/none"):
        produce("solar", settings=embedded.settings, source="s3://features/none")

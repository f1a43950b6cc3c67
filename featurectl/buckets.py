"""S3-compatible object storage: `s3://bucket/prefix`, through boto3.

Who one is, where the storage is and in which region is said as for every tool of that kind: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION, a profile, or the machine's own role. An object is there whole or
not at all: an upload that is broken off leaves nothing that can be read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurectl.errors import BucketError, MissingExtra, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Bucket", "StoredObject", "is_bucket"]

_SCHEME = "s3://"
_DELETED_AT_ONCE = 1000
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 60, 3
_HINTS = {
    "NoSuchBucket": "make the bucket first, or correct its name",
    "AccessDenied": "the key may not do that in this bucket",
    "InvalidAccessKeyId": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "SignatureDoesNotMatch": "is AWS_SECRET_ACCESS_KEY that of AWS_ACCESS_KEY_ID?",
    "ExpiredToken": "log in again: the session's token has run out",
}
_AWAY = "is the storage there? AWS_ENDPOINT_URL says where"
_NOBODY = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


def is_bucket(place: str) -> bool:
    """Whether a place is one in object storage, not on this machine."""
    return place.startswith(_SCHEME)


@dataclass(frozen=True)
class StoredObject:
    """An object below a prefix: its name from there on, its bytes, and a tag that is another when it is replaced."""

    name: str
    size: int
    tag: str


class Bucket:
    """What is below one prefix of a bucket."""

    def __init__(self, place: str) -> None:
        """Connects to nothing yet. Raises UsageError for a place without a bucket, MissingExtra, BucketError."""
        self._bucket, _, prefix = place.removeprefix(_SCHEME).strip("/").partition("/")
        if not self._bucket:
            raise UsageError(f"{place} names no bucket", hint="such as s3://bucket/folder")
        self._prefix = f"{prefix}/" if prefix else ""
        self.place = f"{_SCHEME}{self._bucket}/{self._prefix}".rstrip("/")
        self._client = _client(self.place)

    def list(self, below: str = "") -> list[StoredObject]:
        """The objects whose names begin so, by name. Raises BucketError."""
        with _bucket_errors(f"cannot list {self.place}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + below
            )
            found = [item for page in pages for item in page.get("Contents", ())]
        cut = len(self._prefix)
        return sorted((StoredObject(i["Key"][cut:], i["Size"], i["ETag"]) for i in found), key=lambda o: o.name)

    def read(self, name: str) -> bytes | None:
        """A small object's bytes; None where there is none. Raises BucketError."""
        with _bucket_errors(f"cannot read {self.place}/{name}"):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None
        return body

    def write(self, name: str, content: bytes) -> None:
        """Put a small object there, whole. Raises BucketError."""
        with _bucket_errors(f"cannot write {self.place}/{name}"):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def upload(self, path: Path, name: str) -> None:
        """Put a file there, whole. Raises BucketError."""
        with _bucket_errors(f"cannot write {self.place}/{name}"):
            self._client.upload_file(str(path), self._bucket, self._prefix + name)

    def download(self, name: str, path: Path) -> None:
        """Bring an object here. Raises BucketError."""
        with _bucket_errors(f"cannot read {self.place}/{name}"):
            self._client.download_file(self._bucket, self._prefix + name, str(path))

    def remove(self, names: Sequence[str]) -> None:
        """Take objects away. Raises BucketError."""
        for start in range(0, len(names), _DELETED_AT_ONCE):
            keys = [{"Key": self._prefix + name} for name in names[start : start + _DELETED_AT_ONCE]]
            with _bucket_errors(f"cannot remove from {self.place}"):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", ())[:1]:
                raise BucketError(f"cannot remove {error['Key']} from {self.place}: {error['Code']}")


def _client(place: str) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra(f"{place} needs boto3", hint="pip install 'featurectl[s3]'") from error
    with _bucket_errors(f"cannot use {place}"):
        return boto3.Session().client(
            "s3",
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            ),
        )


@contextmanager
def _bucket_errors(what: str) -> Iterator[None]:
    """boto3's exceptions inside become BucketError: `what` failed, the reason, and what to do."""
    from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
    from botocore.exceptions import (  # type: ignore[import-untyped]
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
    )
    from botocore.exceptions import (
        ConnectionError as NotConnected,
    )

    try:
        yield
    except NoCredentialsError as error:
        raise BucketError(f"{what}: nobody said who asks", hint=_NOBODY) from error
    except ClientError as error:
        said = error.response.get("Error", {})
        code = said.get("Code", "")
        raise BucketError(f"{what}: {said.get('Message') or code}", hint=_HINTS.get(code)) from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        reason = str(error).splitlines()[0]
        named = next((hint for code, hint in _HINTS.items() if code in reason), None)
        hint = _AWAY if isinstance(error, (NotConnected, HTTPClientError)) else named
        raise BucketError(f"{what}: {reason}", hint=hint) from error

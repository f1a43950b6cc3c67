"""The one way into the log: judge each message, publish what is an event, keep what is refused beside it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pydantic_core import from_json

from featurectl.errors import FeaturectlError
from featurectl.log import MAX_EVENT_BYTES, MAX_KEY_BYTES, Event
from featurectl.stopping import StopRequested
from producers._logging import get_logger
from producers.contracts import Rejection, Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from featurectl.log import EventLog, TopicWriter
    from featurectl.stopping import Stop
    from producers.registry import Feed, Producer

__all__ = ["Judge", "Judged", "ProduceResult", "Progress", "Publisher", "batched", "judge_events", "judge_raw"]

REJECTED_SUFFIX = "_rejected"
TOO_LARGE = "too large"
_BATCH = 500
_LONGEST_KEY = MAX_KEY_BYTES // 4  # characters, of up to 4 bytes
_LOGGED_OF_EACH_REASON = 20
_KEPT_OF_REJECTED = 128 << 10
_logger = get_logger()


class Judged(NamedTuple):
    """What became of some messages: events in their order, the refused with their reasons, how many were left out."""

    events: list[Event]
    refused: list[tuple[bytes, str]]
    skipped: int


Judge: TypeAlias = "Callable[[Sequence[bytes]], Judged]"


@dataclass(frozen=True, slots=True)
class ProduceResult:
    """What a run did. `reasons`: how many were rejected for each. `skipped`: valid, but not asked for or
    sent before. `stopped`: asked to stop before the source was at its end."""

    topic: str
    published: int
    rejected: int
    skipped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `fraction` is 0 to 1, None where nobody knows the end."""

    published: int
    rejected: int
    fraction: float | None


class Publisher:
    """Publishes one topic's messages; use as a context manager. What it counted is in `result`.

    Every event that `publish` took is acknowledged by the log once `flush` or the context's end returned.
    """

    def __init__(
        self,
        log: EventLog,
        topic: str,
        judge: Judge,
        *,
        stop: Stop,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._log = log
        self._topic = topic
        self._judge = judge
        self._stop = stop
        self._on_progress = on_progress
        self._writer = log.writer(topic)
        self._rejects: TopicWriter | None = None
        self._published = self._skipped = 0
        self._reasons: Counter[str] = Counter()

    @property
    def result(self) -> ProduceResult:
        """What was done so far."""
        rejected = self._reasons.total()
        return ProduceResult(
            self._topic, self._published, rejected, self._skipped, dict(self._reasons), self._stop.asked
        )

    def publish(self, feed: Feed, batches: Iterable[list[bytes]] | None = None) -> None:
        """Publish all of a feed, or until asked to stop.

        `batches` brings the feed's messages in lists that must be in the log before the next one is awaited.
        """
        before = self._seen
        for batch in batched(feed.messages, self._stop) if batches is None else batches:
            self.publish_batch(batch)
            if batches is not None:
                self.flush()
            self._report(feed, self._seen - before)

    def publish_batch(self, messages: list[bytes]) -> None:
        """Judge and append, in order."""
        judged = self._judge(messages)
        for message, reason in judged.refused:
            self._reject(message, reason)
        self._skipped += judged.skipped
        self._published += self._writer.append(judged.events)

    def flush(self) -> None:
        """Return when all that was published is in the log. Raises LogError."""
        self._writer.flush()
        if self._rejects is not None:
            self._rejects.flush()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.__exit__(kind, error, trace)
        finally:
            if self._rejects is not None:
                self._rejects.__exit__(kind, error, trace)
        if self._reasons:
            _logger.warning("rejected_in_total", topic=self._topic, reasons=dict(self._reasons))

    @property
    def _seen(self) -> int:
        return self._published + self._skipped + self._reasons.total()

    def _report(self, feed: Feed, done: int) -> None:
        if self._on_progress is None:
            return
        fraction = feed.fraction() if feed.fraction else done / feed.total if feed.total else None
        self._on_progress(Progress(self._published, self._reasons.total(), fraction))

    def _reject(self, message: bytes, reason: str) -> None:
        self._reasons[reason] += 1
        if self._reasons[reason] <= _LOGGED_OF_EACH_REASON:
            last = self._reasons[reason] == _LOGGED_OF_EACH_REASON
            more = {"further": "counted, no longer logged"} if last else {}
            _logger.warning("rejected", topic=self._topic, reason=reason, raw=_shown(message), **more)
        if self._rejects is None:
            self._rejects = self._log.writer(self._topic + REJECTED_SUFFIX)
        self._rejects.append([Event(_rejected_event(self._topic, reason, message))])


def judge_events(producer: Producer, keep: Callable[[Any], bool] | None = None) -> Judge:
    """Valid messages become events, byte for byte; those that `keep` does not want are left out."""
    check, key = Validator(producer.contract), producer.key

    def judge(messages: Sequence[bytes]) -> Judged:
        events, refused, skipped = [], [], 0
        for raw, checked in zip(messages, check.judge_each(messages), strict=True):
            if isinstance(checked, Rejection):
                refused.append((raw, checked.reason))
            elif keep is not None and not keep(checked):
                skipped += 1
            elif len(raw) > MAX_EVENT_BYTES or len(name := key(checked)) > _LONGEST_KEY:
                refused.append((raw, TOO_LARGE))
            else:
                events.append(Event(raw, name))
        return Judged(events, refused, skipped)

    return judge


def judge_raw(producer: Producer | None) -> Judge:
    """Every message becomes an event as it is, if it fits into the log; the key is read from it if it can be."""

    def judge(messages: Sequence[bytes]) -> Judged:
        fitting = [raw for raw in messages if len(raw) <= MAX_EVENT_BYTES]
        refused = [(raw, TOO_LARGE) for raw in messages if len(raw) > MAX_EVENT_BYTES]
        return Judged(list(map(Event, fitting, find_keys(fitting))), refused, 0)

    find_keys = _no_keys if producer is None else _key_finder(producer)
    return judge


def _no_keys(messages: Sequence[bytes]) -> list[str | None]:
    return [None] * len(messages)


def _key_finder(producer: Producer) -> Callable[[Sequence[bytes]], list[str | None]]:
    check, key = Validator(producer.contract), producer.key

    def find(messages: Sequence[bytes]) -> list[str | None]:
        return [
            _key_of_refused(producer, raw) if isinstance(checked, Rejection) else key(checked)
            for raw, checked in zip(messages, check.judge_each(messages), strict=True)
        ]

    return find


def _key_of_refused(producer: Producer, raw: bytes) -> str | None:
    """The key of a message that breaks the contract, if what the key is made of is there."""
    try:
        found: object = producer.key(producer.contract.model_construct(**from_json(raw)))
    except (ValueError, TypeError, AttributeError, LookupError):
        return None
    return found if isinstance(found, str) and len(found) <= _LONGEST_KEY else None


def batched(messages: Iterable[bytes], stop: Stop) -> Iterator[list[bytes]]:
    """Messages in lists, until asked to stop. What was read before a stop or an error comes first."""
    iterator = iter(messages)
    while not stop.asked:
        batch: list[bytes] = []
        ending: StopRequested | FeaturectlError | None = None
        try:
            batch.extend(islice(iterator, _BATCH))
        except (StopRequested, FeaturectlError) as error:
            ending = error
        if batch:
            yield batch
        if isinstance(ending, FeaturectlError):
            raise ending
        if ending is not None or not batch:
            return


def _rejected_event(topic: str, reason: str, message: bytes) -> bytes:
    """The message as JSON, with why; of a very long one only the beginning."""
    kept = message[:_KEPT_OF_REJECTED]
    try:
        text, encoding = kept.decode(), "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(kept).decode(), "base64"
    document = {"topic": topic, "reason": reason, "raw": text, "encoding": encoding, "bytes": len(message)}
    return json.dumps(document).encode()


def _shown(message: bytes) -> str:
    return message[:200].decode(errors="backslashreplace")

"""Asking a JSON API: timeouts, retries with backoff and jitter, and the rate that its host allows."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from featurectl.errors import SourceError
from producers._logging import get_logger
from producers.registry import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from featurectl.stopping import Stop

__all__ = ["Api", "Pace", "RateLimit", "opened_api"]

_USER_AGENT = "featurectl"
_SERVER_ERRORS = 500
_HOPELESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.DecodingError)
_logger = get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait and how often to try. Seconds.

    Backoff is exponential with full jitter: before attempt n a random time between 0 and
    min(`longest_wait`, `first_wait` * 2^n). A host that says Retry-After gets at least that, and no
    further attempt if it says more than `longest_retry_after`.
    """

    attempts: int = 6
    timeout: float = 30.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0


@dataclass(frozen=True, slots=True)
class _Spent:
    """The requests of late: when, and what each cost. Who shares it holds the lock."""

    requests: deque[tuple[float, float]] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)


# By address: ranges that are fetched at once, and one after the other, are one guest of a host.
_SPENT: defaultdict[str, _Spent] = defaultdict(_Spent)


@dataclass(slots=True)
class RateLimit:
    """At most so many requests in any window of so many seconds, by every pair of `limits`.

    A request may cost more than one; the count is of this process only, of all that share `spent`.
    """

    limits: tuple[tuple[float, float], ...]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    spent: _Spent = field(default_factory=_Spent)

    def take(self, cost: float = 1.0) -> None:
        """Return once a request may go out, and count it."""
        while (seconds := self._taken_or_wait(cost)) > 0:
            self.sleep(seconds)

    def _taken_or_wait(self, cost: float) -> float:
        """Count the request and return 0, or the seconds until there may be room."""
        with self.spent.lock:
            seconds = self._until_free(cost)
            if seconds <= 0:
                self.spent.requests.append((self.clock(), cost))
            return seconds

    def _until_free(self, cost: float) -> float:
        now = self.clock()
        longest = max((window for _, window in self.limits), default=0.0)
        requests = self.spent.requests
        while requests and requests[0][0] <= now - longest:
            requests.popleft()
        return max((self._wait_for(count, window, cost, now) for count, window in self.limits), default=0.0)

    def _wait_for(self, count: float, window: float, cost: float, now: float) -> float:
        """Seconds until the window has room: the oldest requests leave it one by one."""
        inside = [(at, spent) for at, spent in self.spent.requests if at > now - window]
        excess = sum(spent for _, spent in inside) + cost - count
        for at, spent in inside:
            if excess <= 0:
                return 0.0
            excess -= spent
            if excess <= 0:
                return at + window - now
        # Dearer than the whole window: it goes out alone.
        return inside[-1][0] + window - now if inside else 0.0


@dataclass(frozen=True, slots=True)
class Api:
    """A host that answers GET with JSON."""

    client: httpx.Client
    stop: Stop
    limit: RateLimit
    pace: Pace
    sleep: Callable[[float], None]
    jitter: Callable[[float, float], float]

    def get(self, url: str, params: Mapping[str, str | int | float], cost: float = 1.0) -> Any:
        """The parsed answer.

        Raises:
            SourceUnavailable: No answer after all attempts: timeouts, lost connections, 429, 5xx.
            SourceError: What another attempt would not better: 400, 422, not JSON, no such address.
        """
        for attempt in range(self.pace.attempts):
            self.limit.take(cost)
            problem, asked_to_wait = "", 0.0
            try:
                with self.stop.interruptible():
                    answer = self.client.get(url, params=dict(params))
            except _HOPELESS as error:
                raise SourceError(f"{url} cannot be asked: {error}") from error
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            else:
                if not _is_retryable(answer):
                    return _parsed(answer)
                problem, asked_to_wait = f"HTTP {answer.status_code}", _retry_after(answer)
            self._wait_or_give_up(url, attempt, problem, asked_to_wait)
        raise AssertionError("the last attempt gives up")

    def _wait_or_give_up(self, url: str, attempt: int, problem: str, asked_to_wait: float) -> None:
        host = httpx.URL(url).host
        if attempt + 1 >= self.pace.attempts:
            raise SourceUnavailable(
                f"{host} did not answer: {problem}, {self.pace.attempts} times", hint="try again later"
            )
        if asked_to_wait > self.pace.longest_retry_after:
            raise SourceUnavailable(
                f"{host} did not answer: {problem}", hint=f"it asks to come back in {asked_to_wait:.0f} s"
            )
        longest = min(self.pace.longest_wait, self.pace.first_wait * 2**attempt)
        seconds = max(asked_to_wait, self.jitter(0.0, longest))
        _logger.warning("retry", host=host, problem=problem, attempt=attempt + 1, wait_s=round(seconds, 1))
        self.sleep(seconds)


@contextmanager
def opened_api(
    stop: Stop,
    limits: tuple[tuple[float, float], ...],
    *,
    of: str | None = None,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Iterator[Api]:
    """An API client with its connections, which close at the end. Tests bring their own clock and sleep.

    All clients `of` one address keep the limits together.
    """
    pace, sleep = pace or Pace(), sleep or stop.sleep
    client = httpx.Client(
        timeout=pace.timeout, follow_redirects=True, headers={"User-Agent": _USER_AGENT, "Accept": "application/json"}
    )
    with client:
        spent = _SPENT[of] if of is not None else _Spent()
        yield Api(client, stop, RateLimit(limits, clock, sleep, spent), pace, sleep, jitter)


def _is_retryable(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.status_code >= _SERVER_ERRORS


def _retry_after(answer: httpx.Response) -> float:
    """Seconds that Retry-After asks for, in either of its two forms; 0 without one."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _parsed(answer: httpx.Response) -> Any:
    host = answer.url.host
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not answer.is_success:
        raise SourceError(f"{host} refused the request: HTTP {answer.status_code}{_reason(document)}")
    if document is None:
        raise SourceError(f"{host} answered with something that is not JSON: {answer.text[:80]!r}")
    return document


def _reason(document: Any) -> str:
    """What the body says about the error, in the words of Open-Meteo (`reason`) or energy-charts (`detail`)."""
    if not isinstance(document, dict):
        return ""
    said = document.get("reason") or document.get("detail") or document.get("message")
    if isinstance(said, list):
        said = "; ".join(str(item.get("msg", item)) if isinstance(item, dict) else str(item) for item in said)
    return f", {str(said)[:200]}" if said else ""

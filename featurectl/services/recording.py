"""What the commands that move names share: how long each waits its turn, who runs it, and that what is begun is
written down, so that `history` knows of it when it fails or is killed."""

from __future__ import annotations

import getpass
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from featurectl.errors import FeaturectlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featurectl.engines.base import Writer

__all__ = ["WAIT_FOR_REFRESH", "UnderWay", "git_commit", "recorded", "who"]

# `run` holds the engine while it refreshes; another command that moves names is not waited for.
WAIT_FOR_REFRESH = timedelta(seconds=15)


@dataclass
class UnderWay:
    """What is being done: `step` is the title of the step in hand."""

    step: str = ""


@contextmanager
def recorded(
    writer: Writer, command: str, plan_id: str, who: str, git_commit: str | None, environment: str | None = None
) -> Iterator[UnderWay]:
    """Write down that it began, and how it ended, unless it became a release, which says so itself."""
    started = time.monotonic()
    writer.begin(command, plan_id, who, git_commit, environment)
    under_way = UnderWay()
    try:
        yield under_way
    except FeaturectlError as error:
        writer.end("failed", _detail(under_way.step, error), time.monotonic() - started)
        raise
    except BaseException as error:  # an interrupt, or a bug: written down, and raised again
        writer.end("interrupted", f"{under_way.step}: {type(error).__name__}", time.monotonic() - started)
        raise
    writer.end("done", "", time.monotonic() - started)


def _detail(step: str, error: FeaturectlError) -> str:
    """Where and why. A server's word on a migration may quote it, with a password in it: that is not kept."""
    if step.startswith("migration "):
        return step
    return f"{step}: {error}" if step else str(error)


def who() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def git_commit(root: Path) -> str | None:
    """The commit that a folder is at; None where it is under no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

"""A small project without a topic: a reference table, views on it, and a database of its own to apply it to."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import parse_dsn

from featurectl.engines import open_engine
from featurectl.log import FileLog
from featurectl.project import load_project
from featurectl.services.applying import ApplyOptions, ApplyResult
from featurectl.services.applying import apply as run_apply
from featurectl.settings import load_settings
from tests.editing import Editable

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "migrations/0001_items.sql": """
        CREATE TABLE items (id int PRIMARY KEY, kind varchar, value double precision);
        INSERT INTO items VALUES (1, 'it''s \\n', 10), (2, 'x', 20), (3, 'x', NULL);
    """,
    "sql/known.sql": "SELECT id, kind, value FROM items WHERE value IS NOT NULL -- of items\n",
    "sql/sums.sql": (
        "/*\nentity: kind\nchecks:\n  - total >= 0\n*/\nSELECT kind, sum(value) AS total FROM known GROUP BY kind"
    ),
    "sql/top.sql": "WITH known AS (SELECT max(total) AS total FROM sums) SELECT total FROM known",
}


class SmallProject(Editable):
    def __init__(self, folder: Path, dsn: str, files: dict[str, str] = FILES) -> None:
        self.folder = folder
        for name, text in files.items():
            self.write(name, text)
        self.dsn = dsn
        server = parse_dsn(dsn)
        self.environment = {
            "FEATURECTL_TARGET": "risingwave",
            "RISINGWAVE_HOST": server["host"],
            "RISINGWAVE_PORT": server["port"],
            "RISINGWAVE_DATABASE": server["dbname"],
            "RISINGWAVE_USER": server["user"],
        }
        self.settings = load_settings(
            folder,
            target="risingwave",
            risingwave_host=server["host"],
            risingwave_port=server["port"],
            risingwave_database=server["dbname"],
            risingwave_user=server["user"],
        )
        self.engine = open_engine(self.settings, FileLog(folder / "log"))

    def apply(self, *select: str, **options: Any) -> ApplyResult:
        return run_apply(load_project(self.settings), self.engine, select, options=ApplyOptions(**options))

    def start_apply(self) -> subprocess.Popen[str]:
        return self.start("apply")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`featurectl` as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "featurectl", "--project", str(self.folder), *words],
            env={**os.environ, **self.environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str, str]:
        """`featurectl` as a process of its own: its exit code, what it said, its errors."""
        process = self.start(*words)
        said, errors = process.communicate(timeout=120)
        return process.returncode, said, errors

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.query(sql) as result:
            return result.all()

    def sql(self, *statements: str, user: str | None = None, database: str | None = None) -> list[tuple[Any, ...]]:
        """Statements as somebody else sends them; the rows of the last one."""
        server = parse_dsn(self.dsn) | ({"user": user} if user else {}) | ({"dbname": database} if database else {})
        with closing(psycopg2.connect(**server)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

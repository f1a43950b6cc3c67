"""A user who may read the public views and nothing else, and the lines by which clients connect as that user."""

from __future__ import annotations

from dataclasses import dataclass, fields

# Formatted with a Reader. README and docs/risingwave.md show the same lines with the defaults of the settings.
PSQL = "host={host} port={port} dbname={database} user={user}"
JDBC = "jdbc:postgresql://{host}:{port}/{database}?binaryTransfer=false"
SQLALCHEMY = "postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"

MIGRATION = """
CREATE USER {{ vars.reader }} WITH NOSUPERUSER NOCREATEDB NOCREATEUSER PASSWORD '{{ vars.reader_password }}';
GRANT CONNECT ON DATABASE {{ vars.database }} TO {{ vars.reader }};
GRANT USAGE ON SCHEMA public TO {{ vars.reader }};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON VIEWS TO {{ vars.reader }};
"""


@dataclass(frozen=True)
class Reader:
    host: str
    port: str
    database: str
    user: str
    password: str

    def line(self, template: str) -> str:
        return template.format(**{field.name: getattr(self, field.name) for field in fields(self)})

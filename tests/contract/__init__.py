"""What the solar project's values must be: the same cases on every engine, listed in docs/conformance.md."""

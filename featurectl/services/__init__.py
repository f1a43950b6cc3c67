"""The commands as functions: typed arguments in, a result object out, nothing printed."""

"""Producers: what brings events into the event log. Start with `producers --help`.

A *producer* is a contract (what an event has to be), a topic, and sources (where events come from).
`solar` and `weather` are here; another package adds its own by an entry point, see `producers.registry`.
"""

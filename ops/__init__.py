"""The command line `customers-api` and the local stack: real PostgreSQL and real Kafka from packages.

Nothing imports this package but the tests and the benchmarks; services never do.
"""

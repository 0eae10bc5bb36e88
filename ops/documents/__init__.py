"""The published documents, made out of the code: docs/openapi.json, docs/asyncapi.yaml, docs/messages.md.

`make docs` writes them. The same code makes the same bytes; a test compares.
"""

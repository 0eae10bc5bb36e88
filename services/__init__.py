"""The processes of the product: each service with a database of its own, and the gateway in front."""

"""Orders, from their placement to their delivery or return, and each customer's orders in figures.

Owns: what was ordered, at which prices, how far it has come, and the numbers of orders. Whether an order gets
credit, credit decides.
Understands: the commands and queries of `shared.contracts.orders`, a customer's state and erasure, and what
credit says of reservations.
Says: an order's events and its state under the same version, and a customer's order totals.
"""

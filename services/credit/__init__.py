"""Credit accounts: reservations for orders, receivables and what lowers them, credit checks.

Owns: what a customer owes, what is held for its open orders, and the ledger of both. Invoices orders itself.
Understands: the commands and queries of `shared.contracts.credit`.
Follows: customers' states and erasures, and the events of orders.
Says: what was decided, posted and checked, and each account's whole state on the compacted state topic.
"""

"""Customers and their contacts.

Owns: who a customer is, whom to call there, its terms and its credit limit. Alone says whether a customer
exists.
Understands: the commands and queries of `shared.contracts.customers`.
Says: a customer's events, and its whole state under the same version on the compacted state topic.
"""

"""Customers and their contacts.

Owns: who a customer is, whom to call there, its terms and its credit limit. Alone says whether a customer
exists.
Understands: the commands and queries of `shared.contracts.customers`; and what credit and orders say of a
customer in figures, which it copies and shows.
Says: a customer's events, and its whole state under the same version on the compacted state topic.
"""

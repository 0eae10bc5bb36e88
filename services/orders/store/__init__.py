"""All SQL of orders, by noun. Answers are built by PostgreSQL as finished JSON.

What a transaction locks, it locks in this order: the name of an order, the numbers of a year, the customer,
the order, the customer's totals, under which all its figures change. Only a timer locks those of several
orders, and never waits for an order.
"""

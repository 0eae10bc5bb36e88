"""The HTTP front: turns requests into questions to the services and their answers into responses.

Owns: nothing. It keeps no data and decides nothing about customers.
Understands: HTTP, the rules for headers, query parameters and bodies, and which refusal is which status.
Says: the queries and commands of customers, orders and credit, and waits for their answers.
"""

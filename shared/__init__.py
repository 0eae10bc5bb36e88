"""Mechanism and contracts that every service needs; never policy of one of them."""

"""The demo world: customers with years of orders, sent through the topics as another team's system would.

`world` says who they are and what each does when; `player` sends it; `verb` shows how far it is.
"""

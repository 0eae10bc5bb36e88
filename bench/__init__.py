"""Workloads and their ratios; each prints its figures, none passes or fails."""

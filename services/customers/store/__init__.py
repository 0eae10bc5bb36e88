"""All SQL of customers, by noun. Answers are built by PostgreSQL as finished JSON."""

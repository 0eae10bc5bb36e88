"""All SQL of credit, by noun. Answers are built by PostgreSQL as finished JSON."""

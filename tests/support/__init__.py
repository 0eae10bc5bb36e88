"""What tests are built from: servers, databases, topics, builders, the systems under test. No tests."""

"""What orders owns: its topics, the requests it answers, the events and the states it says."""

"""What credit owns: its topics, the requests it answers, the events and the state it says."""

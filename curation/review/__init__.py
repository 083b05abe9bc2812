"""What reviewers decided: the journal, and the one reading of it."""

"""The command line: words into calls. No work is done here."""

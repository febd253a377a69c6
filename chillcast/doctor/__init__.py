"""What the doctor looks at, and what it says. Nothing is changed here."""

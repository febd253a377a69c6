"""Who is there, what each may do, and the record of what they did. No page, no broker."""

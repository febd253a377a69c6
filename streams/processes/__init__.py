"""Child processes: started, watched, ended. Nothing here knows what they do."""

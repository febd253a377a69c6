"""The same windows in other stream processors, run in an environment of their own."""

"""Who is told of a case, when and how often: routes, and the plan of notices. No address and no sending."""

"""Field data as people have it: small inputs of ../shared/cases, what comes out of each, and whether it is right."""

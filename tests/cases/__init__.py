"""Field data as people have it (../shared/cases): what comes out of each, and whether it is right."""

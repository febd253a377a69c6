"""Where chillers stand: climate, buildings and the load they need cooled. No machine."""

"""One chiller: physics, faults, controller, operation. No noise of instruments and no fleet."""

"""What tests of champions share."""

from tests.support.promoted_bundles import home

__all__ = ["home"]

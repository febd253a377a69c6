"""The features worker as it commits on a broker without transactions, to say what transactions cost."""

from __future__ import annotations

from chillcast.pipeline import stages
from chillcast.resources import Resources
from streams.worker.commit import Idempotent


def main() -> None:
    """Run the worker; the broker is not asked what it grants."""
    stages.create_committer = Idempotent  # type: ignore[assignment]
    stages.create_worker("features", Resources.open()).run()


if __name__ == "__main__":
    main()

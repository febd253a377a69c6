"""The features worker as it commits on a broker without transactions, to say what transactions cost."""

from __future__ import annotations

from chillcast.pipeline import stages
from chillcast.settings import read_settings
from streams.worker.commit import Idempotent


def main() -> None:
    """Run the worker; the broker is not asked what it grants."""
    stages.create_committer = Idempotent  # type: ignore[assignment]
    stages.create_worker("features", read_settings()).run()


if __name__ == "__main__":
    main()

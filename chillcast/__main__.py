"""``python -m chillcast``: how the supervisor starts its workers."""

from chillcast.cli.app import main

main()

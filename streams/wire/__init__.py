"""The content of messages: codecs and what bytes must satisfy. No client and no broker."""

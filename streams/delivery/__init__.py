"""Notices in words, and how they reach chats, mails, pagers and webhooks. No plan of what is told when."""

"""Where points for people go: one interface, SQLite and InfluxDB. No messages."""

"""The gate before the interface: which application calls, what it may do, how much of it, and how it went."""

"""Webhooks: subscribers that are called when something happens, signed, in order, at least once."""

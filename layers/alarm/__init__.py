"""Alarms: the states of ISA-18.2 and what moves them. Pure."""

from layers.alarm.rules import Alarm, acknowledge, clear, handle, raise_again, raise_new, shelve, unshelve

__all__ = ["Alarm", "acknowledge", "clear", "handle", "raise_again", "raise_new", "shelve", "unshelve"]

"""Alarms: the states of ISA-18.2 and what moves them. Pure."""

from layers.alarm.rules import Alarm, acknowledge, clear, raise_again, raise_new

__all__ = ["Alarm", "acknowledge", "clear", "raise_again", "raise_new"]

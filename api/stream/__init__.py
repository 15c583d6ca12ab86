"""What happens, told to whoever asked: filters, messages, and who gets which."""

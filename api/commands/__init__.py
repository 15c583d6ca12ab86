"""The commands of ``lifang``, one module each: ``add_to`` declares it, ``run`` does it."""

"""A daemon that is killed between an exchange with Rucio and what it stores about it, at points that have names."""

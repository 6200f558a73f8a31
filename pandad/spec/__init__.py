"""What the words mean: jobs, files, queues, callers, states. Pure: no Twisted, no SQL, no clock."""

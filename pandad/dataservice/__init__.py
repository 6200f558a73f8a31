"""The data: inputs are there before a job is activated, outputs are checked before it is called finished."""

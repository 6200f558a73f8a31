"""All SQL, and nothing but. Modules of functions that take a transaction first; only `store.Store` opens and commits one."""

"""The admins' console: a small language of verbs over the same services as the API, on a unix socket, over SSH, or telnet."""

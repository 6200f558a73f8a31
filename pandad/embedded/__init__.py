"""What the sandbox, the demo and the tests need and a site already has: a PostgreSQL and a certificate
authority."""

"""HTTP: routes, who may call them, how bytes become requests and answers become bytes. Two dialects over the same rooms."""

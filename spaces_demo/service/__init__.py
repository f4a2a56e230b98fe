"""What runs the page: settings, the server with its limits and headers, health, logs, the API and its MCP tools."""

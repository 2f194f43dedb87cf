"""Where everything lies: objects by key, in a folder or in Azure Blob Storage."""

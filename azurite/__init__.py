"""Azurite, Microsoft's emulator of Azure Blob Storage, as a server that tests and the demo start and stop."""

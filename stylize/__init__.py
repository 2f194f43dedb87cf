"""The product: files, arrays and a store in; files and records out. Imports neither Dagster nor Kubernetes."""

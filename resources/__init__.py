"""What assets are given by the deployment: the media store, the stylizer, leases, progress. One file per resource."""

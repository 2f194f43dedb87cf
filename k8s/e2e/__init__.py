"""``make k8s-e2e``: the whole way of a video on whatever cluster the kubeconfig names."""

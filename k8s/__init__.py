"""What runs the stylizer on Kubernetes, and the proof that it does (:mod:`k8s.e2e`)."""

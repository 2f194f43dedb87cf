"""Networks, losses, training and inference of style transfer; knows nothing of Dagster."""

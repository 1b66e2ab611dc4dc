"""Parts that NumPyro keeps under `contrib`: control flow in models, nested sampling."""

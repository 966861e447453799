"""Code that runs inside TorchServe's workers. Each module is copied into an archive and imports only the runtime."""

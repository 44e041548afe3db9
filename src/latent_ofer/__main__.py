"""What `latent-ofer` and `python -m latent_ofer` start."""

from latent_ofer.cli.main import main

if __name__ == "__main__":
    main()

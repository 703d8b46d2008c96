"""A challenger against the champion: trained by the same problem file, promoted only if better."""

"""Once around the loop on drawn figures."""

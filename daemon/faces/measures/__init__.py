"""What can be measured of a face, each as a pure function with its source, unit and range."""

"""From a picture to boxes, crops, scores and vectors."""

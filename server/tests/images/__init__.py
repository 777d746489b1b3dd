"""Tests of images' bytes."""

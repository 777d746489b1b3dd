"""Objects' bytes: uploads and downloads, what is to be uploaded, and large objects in segments."""

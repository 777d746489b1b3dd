"""The bytes of images: uploaded, downloaded, fetched by the cloud itself."""

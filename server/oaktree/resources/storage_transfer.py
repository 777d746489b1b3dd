"""Objects' bytes. What else there is to objects is in `storage_object`."""

from __future__ import annotations

from oaktree.storage import abort, commit, download, plan, signing, upload

SPECIALS = {
    "UploadStorageObject": upload.upload,
    "DownloadStorageObject": download.download,
    "PlanStorageObjectUploads": plan.plan,
    "CommitStorageObject": commit.commit,
    "AbortStorageObjectUploads": abort.abort,
    "SignStorageObjects": signing.sign,
}

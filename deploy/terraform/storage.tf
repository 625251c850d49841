# Films. No versioning: an erased film must be gone (deploy/SECURITY.md). No CDN: its addresses are
# not signed.
resource "digitalocean_spaces_bucket" "images" {
  name   = var.images_bucket
  region = var.region
  acl    = "private"

  lifecycle_rule {
    id                                     = "unfinished-uploads"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 1
    # Should anybody ever switch versions on, erased films still go.
    noncurrent_version_expiration {
      days = 1
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Dumps and copies of films, in another region. What is too old is deleted by deploy/backup.sh, which
# knows what is still needed: no rule here lets anything expire but old versions. They are what
# brings back a dump that was overwritten or deleted, also by somebody who stole the key.
resource "digitalocean_spaces_bucket" "backups" {
  name   = var.backups_bucket
  region = var.backup_region
  acl    = "private"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    id                                     = "old-versions"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 2

    noncurrent_version_expiration {
      days = var.backup_version_days
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

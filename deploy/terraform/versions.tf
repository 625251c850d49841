terraform {
  required_version = ">= 1.9.0"

  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "2.71.0"
    }
  }

  # Where the state lies is told at `terraform init -backend-config=environments/….s3.tfbackend`:
  # staging and production never share a state. The keys come from AWS_ACCESS_KEY_ID and
  # AWS_SECRET_ACCESS_KEY.
  backend "s3" {
    # A Space speaks S3 but is not Amazon: what asks Amazon for anything is switched off.
    region                      = "us-east-1"
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}

# The token is DIGITALOCEAN_TOKEN, the keys of Spaces are SPACES_ACCESS_KEY_ID and
# SPACES_SECRET_ACCESS_KEY: read from the environment, so that they are in no file and no state.
provider "digitalocean" {}

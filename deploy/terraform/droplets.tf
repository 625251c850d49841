data "digitalocean_ssh_key" "operator" {
  for_each = toset(var.ssh_keys)
  name     = each.key
}

locals {
  ssh_keys = [for key in data.digitalocean_ssh_key.operator : key.id]

  # Nothing secret: every process of the machine can read it at the metadata address.
  first_start = {
    for name, options in {
      web    = "--role web"
      worker = "--role worker"
      # One machine makes the nightly backup.
      first_worker = "--role worker --backups"
      all          = "--role all"
      } : name => templatefile("${path.module}/cloud-init.yaml.tftpl", {
        environment = var.environment
        host        = local.host
        repository  = var.repository
        revision    = var.revision
        options     = var.load_balancer && !strcontains(options, "worker") ? "${options} --behind ${var.vpc_range}" : options
    })
  }
}

resource "digitalocean_droplet" "web" {
  count      = var.web_count
  name       = "${local.name}-web-${count.index + 1}"
  region     = var.region
  size       = var.web_size
  image      = var.image
  vpc_uuid   = digitalocean_vpc.private.id
  ssh_keys   = local.ssh_keys
  tags       = [local.name, "${local.name}-web"]
  ipv6       = true
  monitoring = true
  user_data  = local.first_start[var.worker_count > 0 ? "web" : "all"]

  lifecycle {
    # Each of them would destroy the machine and make a new one. Upgrades are install.sh's work.
    ignore_changes = [image, ssh_keys, user_data, ipv6, vpc_uuid]

    precondition {
      condition     = var.web_count == 1 || var.load_balancer
      error_message = "Several web machines need load_balancer = true."
    }
  }
}

resource "digitalocean_droplet" "worker" {
  count      = var.worker_count
  name       = "${local.name}-worker-${count.index + 1}"
  region     = var.region
  size       = var.worker_size
  image      = var.image
  vpc_uuid   = digitalocean_vpc.private.id
  ssh_keys   = local.ssh_keys
  tags       = [local.name, "${local.name}-worker"]
  ipv6       = true
  monitoring = true
  user_data  = local.first_start[count.index == 0 ? "first_worker" : "worker"]

  lifecycle {
    ignore_changes = [image, ssh_keys, user_data, ipv6, vpc_uuid]
  }
}

# An address that stays when the machine is made anew (without a load balancer, which has its own).
resource "digitalocean_reserved_ip" "web" {
  count  = var.load_balancer ? 0 : 1
  region = var.region
}

resource "digitalocean_reserved_ip_assignment" "web" {
  count      = var.load_balancer ? 0 : 1
  ip_address = digitalocean_reserved_ip.web[0].ip_address
  droplet_id = digitalocean_droplet.web[0].id
}

locals {
  name     = "raiox-${var.environment}"
  anywhere = ["0.0.0.0/0", "::/0"]
}

resource "digitalocean_vpc" "private" {
  name     = local.name
  region   = var.region
  ip_range = var.vpc_range

  lifecycle {
    # The default of an imported one is kept: changing it makes a new network.
    ignore_changes = [description]
  }
}

# Every droplet of ours is in one of these two; what no rule names is closed. The rules hold for
# the private network as well: a machine that was broken into reaches no other by SSH.
resource "digitalocean_firewall" "web" {
  name        = "${local.name}-web"
  droplet_ids = digitalocean_droplet.web[*].id

  inbound_rule {
    protocol         = "tcp"
    port_range       = "22"
    source_addresses = var.ssh_addresses
  }

  dynamic "inbound_rule" {
    for_each = toset(["80", "443"])
    content {
      protocol                  = "tcp"
      port_range                = inbound_rule.value
      source_addresses          = var.load_balancer ? [] : local.anywhere
      source_load_balancer_uids = digitalocean_loadbalancer.web[*].id
    }
  }

  dynamic "inbound_rule" {
    for_each = length(var.monitor_addresses) > 0 ? toset(concat(var.metrics_ports, var.load_balancer ? ["443"] : [])) : []
    content {
      protocol         = "tcp"
      port_range       = inbound_rule.value
      source_addresses = var.monitor_addresses
    }
  }

  dynamic "outbound_rule" {
    for_each = toset(["tcp", "udp"])
    content {
      protocol              = outbound_rule.value
      port_range            = "1-65535"
      destination_addresses = local.anywhere
    }
  }
}

resource "digitalocean_firewall" "worker" {
  count       = var.worker_count > 0 ? 1 : 0
  name        = "${local.name}-worker"
  droplet_ids = digitalocean_droplet.worker[*].id

  inbound_rule {
    protocol         = "tcp"
    port_range       = "22"
    source_addresses = var.ssh_addresses
  }

  dynamic "inbound_rule" {
    for_each = length(var.monitor_addresses) > 0 ? toset(var.metrics_ports) : []
    content {
      protocol         = "tcp"
      port_range       = inbound_rule.value
      source_addresses = var.monitor_addresses
    }
  }

  dynamic "outbound_rule" {
    for_each = toset(["tcp", "udp"])
    content {
      protocol              = outbound_rule.value
      port_range            = "1-65535"
      destination_addresses = local.anywhere
    }
  }
}

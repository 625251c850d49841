resource "digitalocean_database_cluster" "main" {
  name                 = local.name
  engine               = "pg"
  version              = var.database_version
  size                 = var.database_size
  region               = var.region
  node_count           = var.database_nodes
  private_network_uuid = digitalocean_vpc.private.id
  tags                 = [local.name]

  # Sunday night in São Paulo, after the nightly backup.
  maintenance_window {
    day  = "sunday"
    hour = "07:00:00"
  }

  lifecycle {
    prevent_destroy = true
    # Another network would mean another cluster.
    ignore_changes = [private_network_uuid]
  }
}

resource "digitalocean_database_db" "raiox" {
  cluster_id = digitalocean_database_cluster.main.id
  name       = "raiox"

  lifecycle {
    prevent_destroy = true
  }
}

# The role of web and worker is made with doctl (README.md): a digitalocean_database_user would put
# its password into the state.

resource "digitalocean_database_replica" "search" {
  count                = var.read_replica ? 1 : 0
  cluster_id           = digitalocean_database_cluster.main.id
  name                 = "${local.name}-search"
  size                 = var.database_size
  region               = var.region
  private_network_uuid = digitalocean_vpc.private.id
  tags                 = [local.name]
}

# Trusted sources: these machines and nobody else.
locals {
  database_clients = concat(digitalocean_droplet.web[*].id, digitalocean_droplet.worker[*].id)
}

resource "digitalocean_database_firewall" "main" {
  cluster_id = digitalocean_database_cluster.main.id

  dynamic "rule" {
    for_each = range(var.web_count + var.worker_count)
    content {
      type  = "droplet"
      value = local.database_clients[rule.value]
    }
  }
}

resource "digitalocean_database_firewall" "search" {
  count      = var.read_replica ? 1 : 0
  cluster_id = digitalocean_database_replica.search[0].uuid

  dynamic "rule" {
    for_each = range(var.web_count + var.worker_count)
    content {
      type  = "droplet"
      value = local.database_clients[rule.value]
    }
  }
}

output "address" {
  description = "What the name of the service points to"
  value       = local.address
}

output "web" {
  description = "Web machines: public and private address"
  value       = { for one in digitalocean_droplet.web : one.name => [one.ipv4_address, one.ipv4_address_private] }
}

output "worker" {
  description = "Worker machines: public and private address"
  value       = { for one in digitalocean_droplet.worker : one.name => [one.ipv4_address, one.ipv4_address_private] }
}

# Lines for /etc/raiox/raiox.env; every secret of them is written by hand.
output "settings" {
  description = "Lines for /etc/raiox/raiox.env of every machine"
  value = join("\n", [
    "RAIOX_ENV=${var.environment}",
    "DO_SPACES_BUCKET=${digitalocean_spaces_bucket.images.name}",
    "DO_SPACES_REGION=${digitalocean_spaces_bucket.images.region}",
    "RAIOX_PROXY_COUNT=1",
    "ALLOWED_HOSTS=${local.host}",
    "RAIOX_PUBLIC_URL=https://${local.host}",
  ])
}

output "database" {
  description = "For /root/database-url, with the role and the password that doctl made"
  value = join("", [
    "postgresql://ROLE:PASSWORD@${digitalocean_database_cluster.main.private_host}",
    ":${digitalocean_database_cluster.main.port}/${digitalocean_database_db.raiox.name}?sslmode=require",
  ])
}

output "replica_host" {
  description = "Private name of the read replica; null where there is none"
  value       = one(digitalocean_database_replica.search[*].private_host)
}

output "backups" {
  description = "Space of the dumps and its region"
  value       = "${digitalocean_spaces_bucket.backups.name} in ${digitalocean_spaces_bucket.backups.region}"
}

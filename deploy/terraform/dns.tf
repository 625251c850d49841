locals {
  host    = var.host_name == "@" ? var.domain : "${var.host_name}.${var.domain}"
  address = var.load_balancer ? one(digitalocean_loadbalancer.web[*].ip) : one(digitalocean_reserved_ip.web[*].ip_address)
}

# The domain itself is made by hand, once: other things hang on it.
data "digitalocean_domain" "main" {
  count = var.manage_dns ? 1 : 0
  name  = var.domain
}

resource "digitalocean_record" "web" {
  count  = var.manage_dns ? 1 : 0
  domain = data.digitalocean_domain.main[0].name
  type   = "A"
  name   = var.host_name
  value  = local.address
  # Short, because moving to another machine waits for it.
  ttl = 300
}

# Only Let's Encrypt may issue for this name.
resource "digitalocean_record" "caa" {
  count  = var.manage_dns ? 1 : 0
  domain = data.digitalocean_domain.main[0].name
  type   = "CAA"
  name   = var.host_name
  value  = "letsencrypt.org."
  tag    = "issue"
  flags  = 0
  ttl    = 3600
}

# DigitalOcean's own look from outside, beside UptimeRobot: two watchers in two houses.
resource "digitalocean_uptime_check" "ping" {
  count   = length(var.alert_emails) > 0 ? 1 : 0
  name    = local.name
  target  = "https://${local.host}/ping"
  type    = "https"
  regions = ["us_east", "eu_west"]
}

resource "digitalocean_uptime_alert" "down" {
  count      = length(digitalocean_uptime_check.ping)
  check_id   = digitalocean_uptime_check.ping[0].id
  name       = "${local.name} does not answer"
  type       = "down_global"
  threshold  = 1
  comparison = "less_than"
  period     = "2m"

  notifications {
    email = var.alert_emails
  }
}

resource "digitalocean_uptime_alert" "certificate" {
  count      = length(digitalocean_uptime_check.ping)
  check_id   = digitalocean_uptime_check.ping[0].id
  name       = "${local.name}: the certificate expires"
  type       = "ssl_expiry"
  threshold  = 14
  comparison = "less_than"

  notifications {
    email = var.alert_emails
  }
}

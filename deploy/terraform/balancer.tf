resource "digitalocean_certificate" "web" {
  count   = var.load_balancer ? 1 : 0
  name    = local.name
  type    = "lets_encrypt"
  domains = [local.host]

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = var.manage_dns
      error_message = "A load balancer's certificate needs a domain whose DNS is at DigitalOcean."
    }
  }
}

# TLS ends here and begins anew to nginx on the machines: films do not cross the private network in
# the clear. nginx takes the client's address from here (install.sh --behind), and tells the
# application that one alone: RAIOX_PROXY_COUNT stays 1.
resource "digitalocean_loadbalancer" "web" {
  count                  = var.load_balancer ? 1 : 0
  name                   = local.name
  region                 = var.region
  vpc_uuid               = digitalocean_vpc.private.id
  droplet_ids            = digitalocean_droplet.web[*].id
  redirect_http_to_https = true

  # The longest answer (a page of the panel that uploads films) takes less.
  http_idle_timeout_seconds = 90

  forwarding_rule {
    entry_protocol   = "https"
    entry_port       = 443
    target_protocol  = "https"
    target_port      = 443
    certificate_name = digitalocean_certificate.web[0].name
  }

  healthcheck {
    protocol                 = "https"
    port                     = 443
    path                     = "/ping"
    check_interval_seconds   = 10
    response_timeout_seconds = 5
    unhealthy_threshold      = 3
    healthy_threshold        = 2
  }
}

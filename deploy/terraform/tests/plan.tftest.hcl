# `terraform test`: what a plan would make, without an account. Nothing is created.
mock_provider "digitalocean" {}

variables {
  environment    = "staging"
  vpc_range      = "10.20.0.0/24"
  ssh_keys       = ["operator"]
  ssh_addresses  = ["203.0.113.7/32"]
  images_bucket  = "raiox-images-test"
  backups_bucket = "raiox-backups-test"
  domain         = "example.org"
}

run "one_machine_with_everything" {
  command = plan

  assert {
    condition     = length(digitalocean_droplet.web) == 1 && length(digitalocean_droplet.worker) == 0
    error_message = "Staging is one machine."
  }
  assert {
    condition     = strcontains(digitalocean_droplet.web[0].user_data, "--role all")
    error_message = "A single machine runs web and worker."
  }
  assert {
    condition     = !strcontains(digitalocean_droplet.web[0].user_data, "git, clone")
    error_message = "Without an address to clone from, the machine waits for the pipeline."
  }
  assert {
    condition     = length(digitalocean_loadbalancer.web) == 0 && length(digitalocean_reserved_ip.web) == 1
    error_message = "One machine has an address that stays, and no load balancer."
  }
  assert {
    condition     = one(digitalocean_database_firewall.main.rule).type == "droplet"
    error_message = "Only the droplet reaches the database."
  }
}

run "ssh_is_open_to_named_addresses_only" {
  command = plan

  assert {
    condition = alltrue([
      for rule in digitalocean_firewall.web.inbound_rule :
      rule.port_range != "22" || rule.source_addresses == toset(["203.0.113.7/32"])
    ])
    error_message = "Port 22 is open to others."
  }
  assert {
    condition     = toset([for rule in digitalocean_firewall.web.inbound_rule : rule.port_range]) == toset(["22", "80", "443"])
    error_message = "Another port is open."
  }
}

run "several_machines_behind_a_load_balancer" {
  command = plan

  variables {
    web_count         = 2
    worker_count      = 2
    load_balancer     = true
    read_replica      = true
    monitor_addresses = ["203.0.113.9/32"]
    repository        = "https://example.org/raiox.git"
  }

  assert {
    condition = alltrue([
      for rule in digitalocean_firewall.web.inbound_rule :
      rule.source_addresses == null || !contains(rule.source_addresses, "0.0.0.0/0")
    ])
    error_message = "Behind the load balancer nothing is open to everybody."
  }
  assert {
    condition = alltrue([
      for rule in digitalocean_firewall.worker[0].inbound_rule : contains(["22", "9100", "9101"], rule.port_range)
    ])
    error_message = "A worker answers nobody but SSH and the monitor."
  }
  assert {
    condition     = strcontains(digitalocean_droplet.worker[1].user_data, "install.sh --role worker --domain")
    error_message = "The first start installs."
  }
  assert {
    condition = [for one in concat(digitalocean_droplet.web, digitalocean_droplet.worker) : one.name
    if strcontains(one.user_data, "--backups")] == ["raiox-staging-worker-1"]
    error_message = "One machine makes the nightly backup."
  }
  assert {
    condition     = strcontains(digitalocean_droplet.web[0].user_data, "--role web --behind 10.20.0.0/24 ")
    error_message = "Behind the load balancer nginx has to be told so, or all clients are one."
  }
  assert {
    condition     = length(digitalocean_reserved_ip.web) == 0
    error_message = "The load balancer has the address."
  }
}

run "films_have_no_versions_and_dumps_have" {
  command = plan

  assert {
    condition     = digitalocean_spaces_bucket.images.acl == "private" && length(digitalocean_spaces_bucket.images.versioning) == 0
    error_message = "An erased film must be gone."
  }
  assert {
    condition     = digitalocean_spaces_bucket.backups.acl == "private" && digitalocean_spaces_bucket.backups.versioning[0].enabled
    error_message = "A dump that was overwritten can be fetched back."
  }
  assert {
    condition     = alltrue([for rule in digitalocean_spaces_bucket.backups.lifecycle_rule : length(rule.expiration) == 0])
    error_message = "Copies of films are needed for longer than any day that could be named."
  }
  assert {
    condition     = digitalocean_spaces_bucket.backups.region != digitalocean_spaces_bucket.images.region
    error_message = "Backups lie elsewhere."
  }
}

run "the_whole_internet_may_not_log_in" {
  command = plan
  variables {
    ssh_addresses = ["0.0.0.0/0"]
  }
  expect_failures = [var.ssh_addresses]
}

run "backups_lie_elsewhere" {
  command = plan
  variables {
    backup_region = "nyc3"
  }
  expect_failures = [var.backup_region]
}

run "two_web_machines_need_a_load_balancer" {
  command = plan
  variables {
    web_count = 2
  }
  expect_failures = [digitalocean_droplet.web]
}

run "a_load_balancer_needs_a_domain" {
  command = plan
  variables {
    load_balancer = true
    manage_dns    = false
  }
  expect_failures = [digitalocean_certificate.web]
}

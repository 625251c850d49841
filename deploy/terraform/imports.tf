# What exists already is taken over, not made a second time: name it in `existing` (tfvars), run
# `terraform plan` and read that it says "import" and not "create" or "destroy". The blocks do
# nothing where nothing is named, and nothing any more once it is in the state.

import {
  for_each = var.existing.vpc == null ? [] : [var.existing.vpc]
  to       = digitalocean_vpc.private
  id       = each.value
}

import {
  for_each = { for number, id in var.existing.web : id => number }
  to       = digitalocean_droplet.web[each.value]
  id       = each.key
}

import {
  for_each = { for number, id in var.existing.worker : id => number }
  to       = digitalocean_droplet.worker[each.value]
  id       = each.key
}

import {
  for_each = var.existing.web_firewall == null ? [] : [var.existing.web_firewall]
  to       = digitalocean_firewall.web
  id       = each.value
}

import {
  for_each = var.existing.database == null ? [] : [var.existing.database]
  to       = digitalocean_database_cluster.main
  id       = each.value
}

import {
  for_each = var.existing.database_name && var.existing.database != null ? [var.existing.database] : []
  to       = digitalocean_database_db.raiox
  id       = "${each.value},raiox"
}

import {
  for_each = var.existing.database_firewall && var.existing.database != null ? [var.existing.database] : []
  to       = digitalocean_database_firewall.main
  id       = each.value
}

import {
  for_each = var.existing.images_bucket ? [var.images_bucket] : []
  to       = digitalocean_spaces_bucket.images
  id       = "${var.region},${each.value}"
}

import {
  for_each = var.existing.backups_bucket ? [var.backups_bucket] : []
  to       = digitalocean_spaces_bucket.backups
  id       = "${var.backup_region},${each.value}"
}

import {
  for_each = var.existing.reserved_address == null ? [] : [var.existing.reserved_address]
  to       = digitalocean_reserved_ip.web[0]
  id       = each.value
}

import {
  for_each = var.existing.record == null ? [] : [var.existing.record]
  to       = digitalocean_record.web[0]
  id       = "${var.domain},${each.value}"
}

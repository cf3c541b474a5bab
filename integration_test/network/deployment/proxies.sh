#!/usr/bin/env bash
# usage: proxies.sh FOLDER
# Tests forward authentication with Traefik and a newer Caddy as well as nginx, with the
# configurations of docs/deployments.md. FOLDER contains the program traefik, v3.7.13:
# "go install" cannot build it, because its module replaces others. Caddy is built
# into FOLDER unless it is there. That takes about four minutes of processor time; so
# this is not part of "make test".
set -euo pipefail
programs=$(realpath "${1:?usage: proxies.sh FOLDER}")
CADDY=v2.11.9

if [[ ! -x $programs/traefik ]]; then
	echo "$programs/traefik is missing" >&2
	exit 1
fi
if [[ ! -x $programs/caddy ]]; then
	GOBIN=$programs go install "github.com/caddyserver/caddy/v2/cmd/caddy@$CADDY"
fi
cd "$(dirname "$0")"
go test . -run '^TestForwardAuth$' -count=1 -v -proxies "$programs"

#!/usr/bin/env bash
# Tests forward authentication with Caddy and Traefik as well as nginx, with the
# configurations of docs/deployments.md. It builds both programs from the Go module
# proxy, which takes minutes and some GB of the build cache; so it is not part of
# "make test".
set -euo pipefail
cd "$(dirname "$0")"
CADDY=v2.11.9
TRAEFIK=v3.7.13

programs=${1:-$(mktemp -d)} # a second run with the same folder builds nothing
if [[ ! -x $programs/caddy ]]; then
	GOBIN=$programs go install "github.com/caddyserver/caddy/v2/cmd/caddy@$CADDY"
fi
if [[ ! -x $programs/traefik ]]; then
	# Traefik replaces modules, so "go install" does not build it.
	source=$(mktemp -d)
	trap 'rm -rf "$source"' EXIT
	folder=$(cd "$source" && go mod download -json "github.com/traefik/traefik/v3@$TRAEFIK" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	cp -r "$folder/." "$source"
	chmod -R u+w "$source"
	go -C "$source" build -o "$programs/traefik" ./cmd/traefik
fi
go test . -run '^TestForwardAuth$' -count=1 -v -proxies "$programs"

#!/usr/bin/env bash
# usage: proxies.sh FOLDER [DURATION]
# Tests forward authentication with Traefik and a newer Caddy as well as nginx, with the
# configurations of docs/deployments.md: first single situations, and then users who use
# an application for DURATION (10m). It builds the programs traefik and caddy into FOLDER
# unless they are there. That takes several minutes of processor time; so this is not
# part of "make test".
set -euo pipefail
mkdir -p "${1:?usage: proxies.sh FOLDER [DURATION]}"
programs=$(realpath "$1")
duration=${2:-10m}
CADDY=v2.11.9
TRAEFIK=v3.7.13

# buildTraefik builds a copy of the module. "go install" cannot, because the module
# replaces others, and the Go module proxy lacks one of these. The copy is without it,
# that is without basic and digest authentication, and without lego's DNS providers,
# which are most of the code.
buildTraefik() (
	module=$(go mod download -json "github.com/traefik/traefik/v3@$TRAEFIK" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	cp -r "$module/." "$copy"
	chmod -R u+w "$copy"
	cd "$copy"
	rm pkg/middlewares/auth/{basic,digest}_auth.go
	cat >pkg/middlewares/auth/left_out.go <<-'END'
		package auth

		import (
			"context"
			"errors"
			"net/http"

			"github.com/traefik/traefik/v3/pkg/config/dynamic"
		)

		var errLeftOut = errors.New("built without basic and digest authentication")

		func NewBasic(context.Context, http.Handler, dynamic.BasicAuth, string) (http.Handler, error) {
			return nil, errLeftOut
		}

		func NewDigest(context.Context, http.Handler, dynamic.DigestAuth, string) (http.Handler, error) {
			return nil, errLeftOut
		}
	END
	mkdir -p pkg/dns pkg/config/dynamic/ext
	cat >pkg/dns/dns.go <<-'END'
		package dns

		import (
			"errors"

			"github.com/go-acme/lego/v5/challenge"
		)

		func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
			return nil, errors.New("built without the DNS provider " + name)
		}
	END
	sed -i 's|"github.com/go-acme/lego/v5/providers/dns"|"github.com/traefik/traefik/v3/pkg/dns"|' pkg/provider/acme/provider.go
	echo "module github.com/traefik/traefik/dynamic/ext" >pkg/config/dynamic/ext/go.mod
	printf 'package ext\n\ntype HTTP struct{}\n\ntype Router struct{}\n' >pkg/config/dynamic/ext/ext.go
	sed -i '/abbot\/go-http-auth/d' go.mod
	go build -mod=mod -o "$programs/traefik" ./cmd/traefik
)

[[ -x $programs/traefik ]] || buildTraefik
[[ -x $programs/caddy ]] || GOBIN=$programs go install "github.com/caddyserver/caddy/v2/cmd/caddy@$CADDY"
cd "$(dirname "$0")"
go test . -run '^TestForwardAuth' -count=1 -v -timeout=2h -proxies "$programs" -use "$duration"

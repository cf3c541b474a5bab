#!/usr/bin/env bash
# Packages: github.com/awslabs/aws-lambda-go-api-proxy v0.16.2 with
# github.com/aws/aws-lambda-go v1.54.0.
#
# Behaviour: an Application Load Balancer sends a function either "headers" or, if
# the target group has the attribute lambda.multi_value_headers.enabled,
# "multiValueHeaders", and expects the same form back. The adapter understands both
# events. With multi-value headers http.Request.Host is empty, although the event
# has a host header; checks that compare the Host with an Origin fail. With
# single-value headers it still responds in multi-value form only.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

expected='headers: Host "app.example.com", response with 0 headers and 2 multiValueHeaders
multiValueHeaders: Host "", response with 0 headers and 2 multiValueHeaders'

cat >go.mod <<'END'
module example

go 1.25

require (
	github.com/aws/aws-lambda-go v1.54.0
	github.com/awslabs/aws-lambda-go-api-proxy v0.16.2
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

func main() {
	var host string
	function := httpadapter.NewALB(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		w.Header().Add("Set-Cookie", "one=1")
		w.Header().Add("Set-Cookie", "two=2")
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "hello")
	}))
	for _, event := range []struct {
		name string
		events.ALBTargetGroupRequest
	}{
		{"headers", events.ALBTargetGroupRequest{Headers: map[string]string{"host": "app.example.com"}}},
		{"multiValueHeaders", events.ALBTargetGroupRequest{MultiValueHeaders: map[string][]string{"host": {"app.example.com"}}}},
	} {
		event.HTTPMethod, event.Path = http.MethodGet, "/"
		result, err := function.ProxyWithContext(context.Background(), event.ALBTargetGroupRequest)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: Host %q, response with %d headers and %d multiValueHeaders\n", event.name, host, len(result.Headers), len(result.MultiValueHeaders))
	}
}
END

go mod tidy >log 2>&1 || { cat log; exit 1; }
seen=$(go run .)
echo "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi

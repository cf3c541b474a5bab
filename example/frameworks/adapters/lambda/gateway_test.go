package lambda_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/crossmint-go/auth/example/frameworks/internal/site"
)

// The gateways below turn requests into events as AWS documents them, and the
// results back into responses.

// restAPI is a REST API: single-value headers hold the last value, multi-value
// headers all of them.
func restAPI(t testing.TB, function func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := events.APIGatewayProxyRequest{
			HTTPMethod: r.Method, Path: r.URL.Path, Headers: last(r), MultiValueHeaders: headers(r), Body: read(t, r),
			MultiValueQueryStringParameters: r.URL.Query(),
			RequestContext:                  events.APIGatewayProxyRequestContext{DomainName: r.Host},
		}
		result, err := function(r.Context(), event)
		site.Must(t, err)
		respond(w, result.StatusCode, result.Headers, result.MultiValueHeaders, result.Body)
	})
}

// httpAPI is an HTTP API: it has a list of cookies, and joins other headers with
// commas.
func httpAPI(t testing.TB, function func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery, Headers: map[string]string{}, Body: read(t, r)}
		event.RequestContext.DomainName = r.Host
		event.RequestContext.HTTP = events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: r.Method, Path: r.URL.Path, SourceIP: "192.0.2.1"}
		for name, values := range headers(r) {
			if name == "cookie" {
				event.Cookies = strings.Split(strings.Join(values, "; "), "; ")
				continue
			}
			event.Headers[name] = strings.Join(values, ",")
		}
		result, err := function(r.Context(), event)
		site.Must(t, err)
		respond(w, result.StatusCode, result.Headers, map[string][]string{"Set-Cookie": result.Cookies}, result.Body)
	})
}

// loadBalancer is a target group. It sends and reads either multi-value headers or
// single-value ones.
func loadBalancer(t testing.TB, multiValue bool, function func(context.Context, events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := events.ALBTargetGroupRequest{HTTPMethod: r.Method, Path: r.URL.Path, Body: read(t, r)}
		if multiValue {
			event.MultiValueHeaders, event.MultiValueQueryStringParameters = headers(r), r.URL.Query()
		} else {
			event.Headers = last(r)
		}
		result, err := function(r.Context(), event)
		site.Must(t, err)
		if multiValue {
			respond(w, result.StatusCode, nil, result.MultiValueHeaders, result.Body)
		} else {
			respond(w, result.StatusCode, result.Headers, nil, result.Body)
		}
	})
}

// headers returns the headers of a request with names in lower case, the host among
// them.
func headers(r *http.Request) map[string][]string {
	all := map[string][]string{"host": {r.Host}}
	for name, values := range r.Header {
		all[strings.ToLower(name)] = values
	}
	return all
}

func last(r *http.Request) map[string]string {
	single := map[string]string{}
	for name, values := range headers(r) {
		single[name] = values[len(values)-1]
	}
	return single
}

func read(t testing.TB, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	site.Must(t, err)
	return string(body)
}

func respond(w http.ResponseWriter, status int, single map[string]string, multi map[string][]string, body string) {
	for name, value := range single {
		w.Header().Set(name, value)
	}
	for name, values := range multi {
		for _, value := range values {
			w.Header().Add(name, value)
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

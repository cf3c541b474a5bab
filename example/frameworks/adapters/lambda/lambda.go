// Package lambda puts sessions in front of the handlers of a function of AWS
// Lambda. Give one of the functions to lambda.Start.
package lambda

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// RESTAPI returns the function for a REST API of API Gateway (payload format 1.0).
func RESTAPI(site http.Handler) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return httpadapter.New(site).ProxyWithContext
}

// HTTPAPI returns the function for an HTTP API of API Gateway, and for a function
// URL (payload format 2.0).
func HTTPAPI(site http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return httpadapter.NewV2(site).ProxyWithContext
}

// LoadBalancer returns the function for a target group of an Application Load
// Balancer. The target group needs lambda.multi_value_headers.enabled: the adapter
// responds with multi-value headers only, and the load balancer drops those without
// the attribute, all cookies included.
func LoadBalancer(site http.Handler) func(context.Context, events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
	return httpadapter.NewALB(withHost(site)).ProxyWithContext
}

// withHost sets the host of a request. The adapter leaves it empty with multi-value
// headers, and the cross-origin protection compares it with the Origin.
func withHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = r.Header.Get("Host")
		next.ServeHTTP(w, r)
	})
}

// Package witness compares this module with Crossmint's JavaScript server SDK. It runs
// the same scenarios with both, against the same fake Crossmint on a real socket.
//
// It compares everything that is visible from outside, field by field: status, body,
// cookies, the calls of upstream with their headers, and whether the process is
// still running. Every difference must be a row of docs/compat.md with both values,
// and every row must be a difference.
//
// The package has tests only: go test ./...
package witness

// Package witness compares this module with the contract's other reader, the
// JavaScript server SDK: the same scripted scenarios are put to both, against
// the same fake Crossmint on a real socket.
//
// What can be seen from outside is compared field by field: status, body,
// cookies, the calls that reach upstream with their headers, and whether the
// process lives on. Every difference must be a row of docs/compat.md that
// holds both values, and every row must be a difference.
//
// It is tests alone: go test ./...
package witness

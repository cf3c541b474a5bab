// Package deployment tests what docs/deployments.md says: its snippets run
// here, proxies included, and a browser's rules are kept.
package deployment

// Package limit holds the in-process limiters of packages session and handlers:
//
//   - [Bucket], a token bucket that only rejected calls use up
//   - [PerKey], such a bucket for each key
//   - [Window], a number of events per name in a time window
//   - [Concurrency], a number of calls at once
//
// Every limiter is safe for concurrent use. None starts a goroutine.
package limit

package network

import (
	"bytes"
	"encoding/binary"
	"time"
)

// A Link describes the faults of connections. The zero value has none.
type Link struct {
	// Refuse resets new connections as soon as they are accepted.
	Refuse bool
	// Pause delays each piece, in both directions.
	Pause time.Duration
	// Slice is the size of the pieces into which responses are split. 0: the
	// pieces that the target writes.
	Slice int
	// DropRequests drops the bytes of the client, DropResponses those of the
	// target. Neither end gets an error or the end of the other side.
	DropRequests, DropResponses bool
	// Cut returns the number of bytes of the next response to forward before the
	// connection is reset. nil: no reset.
	Cut func(response []byte) int
}

// BeforeHeader cuts a response before its first byte.
func BeforeHeader([]byte) int { return 0 }

// AfterHeader cuts a response between its header and its body. It cuts an encrypted one
// before its first byte.
func AfterHeader(response []byte) int {
	if end := bytes.Index(response, headerEnd); end >= 0 {
		return end + len(headerEnd)
	}
	return 0
}

// InBody cuts a response in the middle of its body. It cuts an encrypted one in the
// middle of its first TLS record.
func InBody(response []byte) int {
	if end := AfterHeader(response); end > 0 {
		return (end + len(response)) / 2
	}
	record := response
	if len(response) > recordHeader {
		size := int(binary.BigEndian.Uint16(response[recordHeader-2:])) // RFC 8446 §5.1
		record = response[:min(recordHeader+size, len(response))]
	}
	return len(record) / 2
}

// recordHeader is the size of the header of a TLS record, which ends with the size of
// the record.
const recordHeader = 5

var headerEnd = []byte("\r\n\r\n")

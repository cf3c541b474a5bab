package network

import (
	"bytes"
	"encoding/binary"
	"time"
)

// A Link is what connections suffer. The zero value is a good one.
type Link struct {
	// Refuse resets new connections as soon as they are accepted.
	Refuse bool
	// Pause delays each piece on its way, in both directions.
	Pause time.Duration
	// Slice is the size of the pieces into which answers are cut. 0: pieces
	// are what the target has written at once.
	Slice int
	// Deaf loses what the client sends, Mute what the target answers.
	// Nobody is told, not even of the other's end.
	Deaf, Mute bool
	// Cut resets a connection at its next answer, of which Cut returns how
	// many bytes pass. nil: none is cut.
	Cut func(answer []byte) int
}

// BeforeHeader cuts an answer before its first byte.
func BeforeHeader([]byte) int { return 0 }

// AfterHeader cuts an answer between its header and its body, or, if it is
// encrypted, before its first byte.
func AfterHeader(answer []byte) int {
	if end := bytes.Index(answer, headerEnd); end >= 0 {
		return end + len(headerEnd)
	}
	return 0
}

// InBody cuts an answer in the middle of its body, or, if it is encrypted, in
// the middle of its first TLS record.
func InBody(answer []byte) int {
	if end := AfterHeader(answer); end > 0 {
		return (end + len(answer)) / 2
	}
	record := answer
	if len(answer) > recordHeader {
		size := int(binary.BigEndian.Uint16(answer[recordHeader-2:])) // RFC 8446 §5.1
		record = answer[:min(recordHeader+size, len(answer))]
	}
	return len(record) / 2
}

// recordHeader is the size of what comes before a TLS record; it ends with the
// record's size.
const recordHeader = 5

var headerEnd = []byte("\r\n\r\n")

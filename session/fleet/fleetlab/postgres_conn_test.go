package fleetlab_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// postgresConn is a connection of a bubble to a real PostgreSQL. A goroutine that waits
// for a socket stops the clock of its bubble. Therefore postgresConn reads the socket
// only while the server owes a response: the end of each, ReadyForQuery, is a message
// of its own (PostgreSQL's documentation, chapter Frontend/Backend Protocol). An
// operation takes no time of the bubble.
type postgresConn struct {
	server   *postgresServer
	near     net.Conn // the client's
	far      net.Conn // the socket
	notified chan struct{}
	closed   chan struct{}

	mu      sync.Mutex // held from a request to its response
	started bool       // the client has sent its startup message
	unsent  []byte     // the beginning of a message of the client
}

// channelPrefix begins the name of each channel, which is a parameter of pg_notify. The
// name of the function is only in the first request of a connection, which prepares the
// statement.
const channelPrefix = "crossmint"

// serve passes the requests of the client on, until it disconnects.
func (c *postgresConn) serve() {
	defer c.far.Close()
	defer close(c.closed)
	defer c.server.remove(c)
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.near.Read(buffer)
		if err != nil || c.send(buffer[:n]) != nil {
			return
		}
	}
}

// send sends the complete messages of the client, and passes the responses back.
func (c *postgresConn) send(part []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent = append(c.unsent, part...)
	requests, responses := c.takeRequests()
	if responses == 0 {
		return nil
	}
	setClock := ""
	if c.started {
		setClock = fmt.Sprintf("SELECT pg_catalog.set_config('lab.now', '%d', false)", time.Now().UnixMicro())
	}
	if err := c.exchange(setClock, requests, responses); err != nil {
		return err
	}
	c.started = true
	if bytes.Contains(requests, []byte("LISTEN ")) {
		c.server.listen(c)
	}
	if bytes.Contains(requests, []byte(channelPrefix)) {
		c.server.notify()
	}
	return nil
}

// takeRequests removes the messages up to the last one that has a response, and returns
// them with the number of responses.
func (c *postgresConn) takeRequests() (requests []byte, responses int) {
	end, rest := 0, c.unsent
	for offset := 0; ; {
		header := 1 // a startup message has no type
		if !c.started && responses == 0 {
			header = 0
		}
		if len(rest) < header+4 {
			break
		}
		size := header + int(binary.BigEndian.Uint32(rest[header:]))
		if len(rest) < size {
			break
		}
		offset += size
		if header == 0 || rest[0] == 'S' || rest[0] == 'Q' { // Sync and Query
			responses++
			end = offset
		}
		rest = rest[size:]
	}
	requests, c.unsent = bytes.Clone(c.unsent[:end]), c.unsent[end:]
	return requests, responses
}

// exchange sends a statement of its own, if that is not empty, and messages of the
// client, whose responses it passes back.
func (c *postgresConn) exchange(own string, messages []byte, responses int) error {
	var request []byte
	if own != "" {
		request = append(request, 'Q')
		request = binary.BigEndian.AppendUint32(request, uint32(4+len(own)+1))
		request = append(append(request, own...), 0)
	}
	if _, err := c.far.Write(append(request, messages...)); err != nil {
		return err
	}
	if own != "" {
		if err := c.readResponse(true); err != nil {
			return err
		}
	}
	for range responses {
		if err := c.readResponse(false); err != nil {
			return err
		}
	}
	return nil
}

// readResponse reads a response and passes it back. Of a response that the client does
// not expect it passes the notifications back.
func (c *postgresConn) readResponse(isUnexpected bool) error {
	var response []byte
	for {
		var header [5]byte
		if _, err := io.ReadFull(c.far, header[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(c.far, body); err != nil {
			return err
		}
		if !isUnexpected || header[0] == 'A' { // NotificationResponse
			response = append(append(response, header[:]...), body...)
		}
		if header[0] == 'Z' { // ReadyForQuery
			break
		}
	}
	if len(response) == 0 {
		return nil
	}
	_, err := c.near.Write(response)
	return err
}

// receive reads the notifications after each commit of one: the server has signalled
// them to this connection before, and sends them before the response to a request.
func (c *postgresConn) receive() {
	for {
		select {
		case <-c.notified:
		case <-c.closed:
			return
		}
		c.mu.Lock()
		err := c.exchange("SELECT", nil, 0)
		c.mu.Unlock()
		if err != nil {
			_ = c.near.Close()
			return
		}
	}
}

package crossminttest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"time"
)

// A Fault is one way in which a call fails; [Server.Fail] plans it. The zero
// value is no fault. A Fault can be used many times.
//
// Some faults happen instead of the call, which then has no effect. Others change
// its response, after the token has been rotated. The comment of each tells
// which.
type Fault struct {
	run         func(*exchange)
	afterEffect bool
	header      http.Header
}

// AfterEffect returns the fault as one that happens after the call has taken
// effect: for example, a gateway times out and the token is already rotated.
func (f Fault) AfterEffect() Fault {
	f.afterEffect = true
	return f
}

// With returns the fault with a header field in its response, such as
// Retry-After. Several values of one name add up.
func (f Fault) With(name, value string) Fault {
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = http.Header{}
	}
	f.header.Add(name, value)
	return f
}

// Status responds with the status and body instead of the call. An empty
// contentType means application/json.
func Status(code int, contentType, body string) Fault {
	return Fault{run: func(x *exchange) { x.write(response{code, contentType, []byte(body)}) }}
}

// Redirect responds with 307 and that location instead of the call.
func Redirect(location string) Fault {
	return Status(http.StatusTemporaryRedirect, "text/plain", "").With("Location", location)
}

// Reset breaks the connection, with a TCP reset, instead of the call.
func Reset() Fault { return Fault{run: (*exchange).reset} }

// LoseResponse resets the connection after the call has taken effect and before
// the response: [Reset] with [Fault.AfterEffect].
func LoseResponse() Fault { return Reset().AfterEffect() }

// Hang sends no response until the client disconnects or the fake closes. The
// call has no effect.
func Hang() Fault {
	return Fault{run: func(x *exchange) { x.await(nil) }}
}

// Delay sends the response d after the call has taken effect.
func Delay(d time.Duration) Fault {
	return responseFault(func(x *exchange, res response) {
		x.wait(d)
		x.write(res)
	})
}

// Truncate announces the whole response, sends one half and breaks the
// connection. The call has taken effect.
func Truncate() Fault {
	return responseFault(func(x *exchange, res response) {
		half := res.body[:len(res.body)/2]
		x.writeHeader(res, len(res.body))
		x.send(half)
		panic(http.ErrAbortHandler)
	})
}

// SlowBody sends the response byte by byte, each after a pause of gap. The call
// has taken effect.
func SlowBody(gap time.Duration) Fault {
	return responseFault(func(x *exchange, res response) {
		x.writeHeader(res, len(res.body))
		x.send(nil) // the header comes at once
		for i := range res.body {
			x.wait(gap)
			x.send(res.body[i : i+1])
		}
	})
}

// HugeBody responds with 200 and a JSON object of about size bytes instead of the
// call. It sends no Content-Length and stops when the client does.
func HugeBody(size int64) Fault {
	chunk := bytes.Repeat([]byte("A"), 32<<10)
	return Fault{run: func(x *exchange) {
		x.writeHeader(response{status: http.StatusOK}, -1)
		_, err := io.WriteString(x.w, `{"jwt":"`)
		for left := size; left > 0 && err == nil; left -= int64(len(chunk)) {
			_, err = x.w.Write(chunk[:min(left, int64(len(chunk)))])
		}
		_, _ = io.WriteString(x.w, `"}`) // the client may have disconnected
	}}
}

// InvalidUTF8 adds a member that is not UTF-8 to the JSON object of the response.
// The call has taken effect.
func InvalidUTF8() Fault {
	return Replace(func(body []byte) []byte {
		return bytes.Replace(body, []byte("{"), []byte("{\"note\":\"\xff\xfe\","), 1)
	})
}

// Replace edits the body of the correct response. The call has taken effect. To
// delay the response, edit may block; Close waits for it.
func Replace(edit func(body []byte) []byte) Fault {
	return responseFault(func(x *exchange, res response) {
		res.body = edit(res.body)
		x.write(res)
	})
}

// Edit is [Replace] for a JSON object, in which edit sets and deletes members:
// for example a JWT of another project, no user, or an invalid expiry.
func Edit(edit func(members map[string]any)) Fault {
	return Replace(func(body []byte) []byte {
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			return body // not an object: this can happen after SetJWKS
		}
		edit(object)
		return must(json.Marshal(object))
	})
}

func responseFault(run func(*exchange, response)) Fault {
	return Fault{run: func(x *exchange) { run(x, x.response()) }, afterEffect: true}
}

// apply applies the fault to a call. The zero Fault responds correctly.
func (f Fault) apply(x *exchange) {
	maps.Copy(x.w.Header(), f.header.Clone())
	if f.run == nil {
		x.write(x.response())
		return
	}
	if f.afterEffect {
		x.response()
	}
	f.run(x)
}

package crossminttest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"time"
)

// A Fault is one way in which a call goes wrong; [Server.Fail] plans it. The
// zero value is none. A Fault can be used many times.
//
// Some faults strike instead of the call, so that nothing changes; others
// strike its answer, when the token is already rotated. Each says which.
type Fault struct {
	strike      func(*exchange)
	afterEffect bool
	header      http.Header
}

// AfterEffect returns the fault as one that strikes after the call has taken
// effect: a gateway that gives up on a token already rotated.
func (f Fault) AfterEffect() Fault {
	f.afterEffect = true
	return f
}

// With returns the fault with a header field in its answer, such as
// Retry-After. Values given under the same name add up.
func (f Fault) With(name, value string) Fault {
	f.header = f.header.Clone()
	if f.header == nil {
		f.header = http.Header{}
	}
	f.header.Add(name, value)
	return f
}

// Status answers with the status and body instead of the call. An empty
// contentType means application/json.
func Status(code int, contentType, body string) Fault {
	return Fault{strike: func(x *exchange) { x.write(reply{code, contentType, []byte(body)}) }}
}

// Redirect answers 307 with that location instead of the call.
func Redirect(location string) Fault {
	return Status(http.StatusTemporaryRedirect, "text/plain", "").With("Location", location)
}

// Reset breaks the connection, with a TCP reset, instead of the call.
func Reset() Fault { return Fault{strike: (*exchange).reset} }

// LoseAnswer resets the connection after the call has taken effect and before
// the answer: [Reset] with [Fault.AfterEffect].
func LoseAnswer() Fault { return Reset().AfterEffect() }

// Hang gives no answer until the client leaves or the fake closes. The call
// has no effect.
func Hang() Fault {
	return Fault{strike: func(x *exchange) { x.await(nil) }}
}

// Delay gives the answer d after the call has taken effect.
func Delay(d time.Duration) Fault {
	return answerFault(func(x *exchange, answer reply) {
		x.wait(d)
		x.write(answer)
	})
}

// Truncate promises the whole answer, gives one half and breaks the
// connection. The call has taken effect.
func Truncate() Fault {
	return answerFault(func(x *exchange, answer reply) {
		half := answer.body[:len(answer.body)/2]
		x.promise(answer, len(answer.body))
		x.send(half)
		panic(http.ErrAbortHandler)
	})
}

// SlowBody gives the answer byte by byte, each after a pause of gap. The call
// has taken effect.
func SlowBody(gap time.Duration) Fault {
	return answerFault(func(x *exchange, answer reply) {
		x.promise(answer, len(answer.body))
		x.send(nil) // the header comes at once
		for i := range answer.body {
			x.wait(gap)
			x.send(answer.body[i : i+1])
		}
	})
}

// HugeBody answers 200 with a JSON object of about size bytes instead of the
// call, without a Content-Length, for as long as the client reads.
func HugeBody(size int64) Fault {
	chunk := bytes.Repeat([]byte("A"), 32<<10)
	return Fault{strike: func(x *exchange) {
		x.promise(reply{status: http.StatusOK}, -1)
		_, err := io.WriteString(x.w, `{"jwt":"`)
		for left := size; left > 0 && err == nil; left -= int64(len(chunk)) {
			_, err = x.w.Write(chunk[:min(left, int64(len(chunk)))])
		}
		_, _ = io.WriteString(x.w, `"}`) // the client may be gone
	}}
}

// InvalidUTF8 puts a member that is not UTF-8 into the answer's JSON object.
// The call has taken effect.
func InvalidUTF8() Fault {
	return Replace(func(answer []byte) []byte {
		return bytes.Replace(answer, []byte("{"), []byte("{\"note\":\"\xff\xfe\","), 1)
	})
}

// Replace edits the body of the right answer, or of the right refusal. The
// call has taken effect, and edit may hold the answer back; Close waits for
// it.
func Replace(edit func(answer []byte) []byte) Fault {
	return answerFault(func(x *exchange, answer reply) {
		answer.body = edit(answer.body)
		x.write(answer)
	})
}

// Edit is [Replace] for an answer as a JSON object, in which edit sets and
// deletes members: a JWT of another project, no user, an expiry that is no
// time.
func Edit(edit func(answer map[string]any)) Fault {
	return Replace(func(answer []byte) []byte {
		var object map[string]any
		if err := json.Unmarshal(answer, &object); err != nil {
			return answer // not an object: only SetJWKS makes such
		}
		edit(object)
		return must(json.Marshal(object))
	})
}

func answerFault(strike func(*exchange, reply)) Fault {
	return Fault{strike: func(x *exchange) { strike(x, x.answer()) }, afterEffect: true}
}

// serve lets the fault strike. Without one it answers.
func (f Fault) serve(x *exchange) {
	maps.Copy(x.w.Header(), f.header.Clone())
	if f.strike == nil {
		x.write(x.answer())
		return
	}
	if f.afterEffect {
		x.answer()
	}
	f.strike(x)
}

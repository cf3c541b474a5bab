package witness_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// observation is the result of a scenario on one side, by field.
type observation map[string]string

// none is the value of a field that is absent.
const none = "none"

// get returns the value of a field.
func (o observation) get(field string) string {
	if value, ok := o[field]; ok && value != "" {
		return value
	}
	return none
}

// reply is a response as it arrived.
type reply struct {
	status int
	header http.Header
	body   []byte
	cutOff bool // the connection ended before the body did
}

// addResponse adds the fields of a response. nil means no response.
func (o observation) addResponse(a *reply, n *names) {
	if a == nil {
		return
	}
	o["status"] = strconv.Itoa(a.status)
	o["body"] = engineWords.ReplaceAllString(n.replace(canonical(a.body)), "$$engine-words")
	if a.cutOff {
		o["body"] += " (cut off)"
	}
	for name, values := range cookiesOf(a.header, n) {
		o[name] = strings.Join(values, " + ")
	}
}

// engineWords matches an error of the JavaScript engine in a response. Its words change
// with the version of the engine.
var engineWords = regexp.MustCompile(`Unexpected token [^}]* JSON`)

// addCalls adds the calls that reached upstream.
func (o observation) addCalls(keys, others []call, outage bool, n *names) {
	o["keys"] = strconv.Itoa(len(keys))
	o["calls"] = repeated(others, outage, func(c call) string { return n.replace(c.line()) })
	o["headers"] = n.replace(distinct(others, (*call).identifyingHeaders))
	o["key-headers"] = n.replace(distinct(keys, (*call).identifyingHeaders))
}

// addHeaders adds headers of a response, and the name and version that the client sends
// to upstream.
func (o observation) addHeaders(a *reply, calls []call) {
	if a == nil {
		return
	}
	for _, name := range []string{"content-type", "cache-control", "retry-after", "vary"} {
		o[name] = a.header.Get(name)
	}
	o["max-age"] = withMaxAge(a.header)
	for _, name := range identityHeaders {
		o[name] = distinct(calls, func(c *call) string { return c.identity(name) })
	}
}

// line returns method, path and body.
func (c *call) line() string {
	path := strings.Replace(c.path, authPath, "$auth", 1)
	path = strings.Replace(path, apiPath, "$api", 1)
	return strings.TrimSpace(c.method + " " + path + " " + canonical(c.body))
}

// identity returns the value of an identity header. The module's version gets a
// name, since every release changes it.
func (c *call) identity(header string) string {
	value := c.header.Get(header)
	if header == "x-client-version" && value != "" && c.header.Get("x-client-name") == "crossmint-go-auth" {
		return "$version"
	}
	return value
}

// withMaxAge returns the names of the cookies that have a Max-Age.
func withMaxAge(h http.Header) string {
	var with []string
	for _, line := range h["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil && c.MaxAge != 0 {
			with = append(with, c.Name)
		}
	}
	return strings.Join(with, " + ")
}

// requestHeaders are the compared headers of a call.
var requestHeaders = []string{
	"Content-Type", "X-Api-Key", "X-App-Identifier", "X-Extension-Id", "Authorization", "Cookie", "Origin",
}

// identityHeaders always differ between the two sides. Few scenarios compare their
// values; the others compare only whether they are present.
var identityHeaders = []string{"x-client-name", "x-client-version"}

// identifyingHeaders returns the compared headers, in a fixed order.
func (c *call) identifyingHeaders() string {
	var headers []string
	for _, name := range requestHeaders {
		if value := c.header.Get(name); value != "" {
			headers = append(headers, strings.ToLower(name)+"="+value)
		}
	}
	for _, name := range identityHeaders {
		if c.header.Get(name) != "" {
			headers = append(headers, name)
		}
	}
	return strings.Join(headers, " ")
}

// distinct joins the different values of calls.
func distinct(calls []call, valueOf func(*call) string) string {
	seen := map[string]bool{}
	for i := range calls {
		if text := valueOf(&calls[i]); text != "" {
			seen[text] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), " + ")
}

// repeated joins the lines of calls and counts equal ones in a row. In an outage their
// number depends on the speed of the machine.
func repeated(calls []call, outage bool, line func(call) string) string {
	var lines []string
	for i := 0; i < len(calls); {
		text, count := line(calls[i]), 1
		for i+count < len(calls) && line(calls[i+count]) == text {
			count++
		}
		switch i += count; {
		case count > 1 && outage:
			text += " (again and again)"
		case count > 1:
			text += fmt.Sprintf(" (%d times)", count)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, " + ")
}

// canonical returns JSON with sorted members, and other bodies unchanged.
func canonical(body []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return string(body)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return string(body)
	}
	return strings.TrimSpace(out.String())
}

// cookiesOf returns the Set-Cookie lines by cookie name, in their order.
func cookiesOf(h http.Header, n *names) map[string][]string {
	cookies := map[string][]string{}
	for _, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			name, _, _ := strings.Cut(line, "=")
			pair, _, _ := strings.Cut(line, ";")
			cookies[name] = append(cookies[name], "not a cookie: "+n.replace(pair))
			continue
		}
		cookies[c.Name] = append(cookies[c.Name], render(c, n))
	}
	return cookies
}

// render returns the value and the attributes of a cookie in a fixed order.
// A Max-Age that says the same as Expires is left out.
func render(c *http.Cookie, n *names) string {
	value := n.replace(c.Value)
	if strings.HasSuffix(c.Name, "-refused") {
		value = marker.ReplaceAllString(value, "$$marker")
	}
	parts := []string{`"` + value + `"`}
	add := func(is bool, text string) {
		if is {
			parts = append(parts, text)
		}
	}
	add(c.Path != "", "Path="+c.Path)
	add(c.Domain != "", "Domain="+c.Domain)
	end, age := expires(c, n), maxAge(c, n)
	add(c.RawExpires != "", "Expires="+end)
	add(c.MaxAge != 0 && (c.RawExpires == "" || age != end), "Max-Age="+age)
	add(c.HttpOnly, "HttpOnly")
	add(c.Secure, "Secure")
	add(c.SameSite != 0, "SameSite="+sameSites[c.SameSite])
	add(c.Partitioned, "Partitioned")
	parts = append(parts, c.Unparsed...)
	return strings.Join(parts, "; ")
}

// marker matches the value of the cookie that marks a first refusal: a time and a
// code that authenticates it.
var marker = regexp.MustCompile(`^[\w-]{24}$`)

// past is the end of a deleted cookie.
const past = "1970"

func expires(c *http.Cookie, n *names) string {
	if name, ok := n.at(c.Expires); ok {
		return name
	}
	if c.Expires.Equal(time.Unix(0, 0)) {
		return past
	}
	return c.RawExpires
}

func maxAge(c *http.Cookie, n *names) string {
	if c.MaxAge < 0 {
		return past
	}
	if name, ok := n.in(time.Duration(c.MaxAge) * time.Second); ok {
		return name
	}
	return strconv.Itoa(c.MaxAge)
}

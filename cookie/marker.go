package cookie

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"
)

// The marker is a cookie beside those of the session. It says when upstream has
// first refused the refresh tokens of this browser: 6 bytes of time, in ms since
// 1970, and a truncated HMAC over them. The key of the HMAC is the refresh tokens
// themselves, so only their holder can make a marker, and a marker ends with the
// next renewal. The instances of a fleet need no common key.
const (
	markerSuffix   = "-refused"
	markerLifetime = 30 * 24 * time.Hour
	markerTimeSize = 6
	markerMACSize  = 12
	// maxMarkers bounds the markers of one request that are checked. A browser
	// sends two while a Domain or a Path changes.
	maxMarkers = 4
	// markerSkew is the largest difference between the clocks of two servers.
	// A marker from further in the future does not count.
	markerSkew = 30 * time.Second
)

// refusedAt returns the time in the marker of the request, or zero without one.
func (p *Presented) refusedAt() time.Time {
	for _, value := range p.values.markers {
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil || len(raw) != markerTimeSize+markerMACSize {
			continue
		}
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:markerTimeSize]...))))
		if hmac.Equal([]byte(value), []byte(p.marker(at))) && time.Until(at) < markerSkew {
			return at
		}
	}
	return time.Time{}
}

// marker returns the value of a marker for the refresh tokens of the request.
func (p *Presented) marker(at time.Time) string {
	var key []byte
	for i := range p.values.count {
		if v := p.values.at(i); p.codec.names[v.name].kind == refreshCookie {
			key = append(append(key, v.value.Reveal()...), 0)
		}
	}
	raw := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[8-markerTimeSize:]
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("crossmint-go/auth refused 1"))
	mac.Write(raw)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(raw)[:markerTimeSize+markerMACSize])
}

// setMarker notes that upstream has refused the refresh tokens of the request for
// the first time.
func (p *Presented) setMarker(w http.ResponseWriter) {
	cookie := p.codec.emptyCookie(p.codec.markerName)
	cookie.Value, cookie.HttpOnly = p.marker(time.Now()), true
	if !p.codec.config.SessionCookies { // else it ends with the browser, like its tokens
		cookie.MaxAge = int(markerLifetime.Seconds())
	}
	http.SetCookie(w, cookie)
	noStore(w)
}

// deleteMarker deletes the marker, if the request brought one.
func (p *Presented) deleteMarker(w http.ResponseWriter) {
	if len(p.values.markers) > 0 {
		p.codec.deleteCookie(w, p.codec.markerName)
	}
}

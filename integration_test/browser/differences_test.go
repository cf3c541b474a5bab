package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/crossmint-go/auth/cookie"
)

// behaviors are what each browser does with one thing. A row of docs/compat.md with the
// same name says what that is.
var behaviors = []struct {
	name    string
	observe func(t *testing.T, p page) string
}{
	{"`Secure` cookie from `http://127.0.0.1`", func(t *testing.T, p page) string {
		return storedFrom(t, p, "127.0.0.1", false, "c=1; Secure")
	}},
	{"`Secure` cookie from `http://localhost`", func(t *testing.T, p page) string {
		return storedFrom(t, p, "localhost", false, "c=1; Secure")
	}},
	{"`Secure` cookie from `https://127.0.0.1`", func(t *testing.T, p page) string {
		return storedFrom(t, p, "127.0.0.1", true, "c=1; Secure")
	}},
	{"`__Host-` cookie without `Secure`", func(t *testing.T, p page) string {
		return storedFrom(t, p, "127.0.0.1", true, "__Host-c=1; Path=/")
	}},
	{"`__Host-` cookie of the whole domain", func(t *testing.T, p page) string {
		return storedFrom(t, p, "app.shop.localhost", true, "__Host-c=1; Path=/; Secure; Domain=shop.localhost")
	}},
	{"sign-in in a frame of another site, `SameSite=None`", func(t *testing.T, p page) string {
		return signInInFrame(t, p, cookie.Config{SameSite: http.SameSiteNoneMode})
	}},
	{"sign-in in a frame of another site, `SameSite=None; Partitioned`", func(t *testing.T, p page) string {
		return signInInFrame(t, p, cookie.Config{SameSite: http.SameSiteNoneMode, Partitioned: true})
	}},
	{"cookie of an accepted WebSocket", func(t *testing.T, p page) string {
		return storedFromWebSocket(t, p, http.StatusSwitchingProtocols)
	}},
	{"cookie of a WebSocket refused with 401", func(t *testing.T, p page) string {
		return storedFromWebSocket(t, p, http.StatusUnauthorized)
	}},
	{"cookie of a WebSocket refused with 503", func(t *testing.T, p page) string {
		return storedFromWebSocket(t, p, http.StatusServiceUnavailable)
	}},
	{"Back to the page of the logout, `private`", func(t *testing.T, p page) string {
		return newMemberSite(t, "/bye").shownAfterLogout(t, p, "/private", "")
	}},
	{"Back to the page of the logout, `no-store`", func(t *testing.T, p page) string {
		return newMemberSite(t, "/bye").shownAfterLogout(t, p, "/no-store", "")
	}},
	{"Back to the page of the logout, `private` and reload on `pageshow`", func(t *testing.T, p page) string {
		return newMemberSite(t, "/bye").shownAfterLogout(t, p, "/reload", "")
	}},
	{"Back to a page before it, `private`", func(t *testing.T, p page) string {
		return newMemberSite(t, "/bye").shownAfterLogout(t, p, "/private", "/no-store")
	}},
	{"Back to a page before it, `private`, if the page after it evicts", func(t *testing.T, p page) string {
		return newMemberSite(t, "/bye/evict").shownAfterLogout(t, p, "/private", "/no-store")
	}},
}

// TestBrowserDifferences compares what each browser does with the table in
// docs/compat.md.
func TestBrowserDifferences(t *testing.T) {
	version, err := browser.Version()
	fatal(t, err)
	t.Logf("%s, Firefox %s, WebKitGTK %s", version, gecko.Version(), gtk.Version())
	documented := documentedBehaviors(t)
	eachEngine(t, func(t *testing.T, e engine) {
		for _, b := range behaviors {
			t.Run(b.name, func(t *testing.T) {
				got := b.observe(t, e.newTab(t))
				if want := documented[b.name][e.name]; got != want {
					t.Errorf("docs/compat.md says %q about %s, and it is %q", want, e.name, got)
				}
			})
		}
	})
	for _, b := range behaviors {
		delete(documented, b.name)
	}
	for name := range documented {
		t.Errorf("docs/compat.md has a row without a test: %s", name)
	}
}

// behaviorRow is a row of the table: a behavior, the result in each browser, and its consequence.
var behaviorRow = regexp.MustCompile(`(?m)^\| (.*) \| (.*) \| (.*) \| (.*) \| .* \|$`)

// documentedBehaviors returns the table in docs/compat.md: by behavior and browser.
func documentedBehaviors(t *testing.T) map[string]map[string]string {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "compat.md"))
	fatal(t, err)
	_, section, _ := strings.Cut(string(document), "\n## Browsers\n")
	section, _, _ = strings.Cut(section, "\n## ")
	table := behaviorRow.FindAllStringSubmatch(section, -1)
	if len(table) == 0 {
		t.Fatal("docs/compat.md has no table of browsers")
	}
	head := table[0]
	rows := map[string]map[string]string{}
	for _, row := range table[1:] {
		rows[row[1]] = map[string]string{head[2]: row[2], head[3]: row[3], head[4]: row[4]}
	}
	return rows
}

// storedFrom returns whether the browser stores a cookie of that site.
func storedFrom(t *testing.T, p page, host string, https bool, line string) string {
	t.Helper()
	site := under(host, serve(t, https, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			w.Header().Set("Set-Cookie", line)
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	})))
	p.open(site + "/set")
	return isStored(t, p, site)
}

// isStored opens a page that shows the cookies of its request.
func isStored(t *testing.T, p page, site string) string {
	t.Helper()
	p.open(site)
	switch text := strings.TrimSpace(p.script(`document.body.textContent`)); {
	case text == "":
		return "not stored"
	case strings.HasSuffix(text, "c=1"):
		return "stored"
	default:
		t.Errorf("cookies %q", text)
		return text
	}
}

// storedFromWebSocket returns whether the browser stores a cookie from the response to the
// handshake of a WebSocket.
func storedFromWebSocket(t *testing.T, p page, status int) string {
	t.Helper()
	site := serve(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/socket" {
			_, _ = io.WriteString(w, r.Header.Get("Cookie"))
			return
		}
		w.Header().Set("Set-Cookie", "c=1; Secure")
		if status != http.StatusSwitchingProtocols {
			w.WriteHeader(status)
			return
		}
		if conn, err := websocket.Accept(w, r, nil); err == nil {
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
	}))
	p.open(site)
	p.script(`new Promise((done) => {
		new WebSocket(location.href.replace("https:", "wss:") + "socket").onclose = () => done("closed");
	})`)
	return isStored(t, p, site)
}

// framedScript lets the page that embeds a page fill its form and press its button.
const framedScript = `<script>
	addEventListener("message", ({ data }) => {
		document.querySelector("input").value = data;
		document.querySelector("button").click();
	});
	parent.postMessage(location.pathname + " " + document.querySelector("p").textContent, "*");
</script>`

// embedding is a page with a frame, whose last message it keeps in globalThis.framed.
const embedding = `<script>addEventListener("message", ({ data }) => { globalThis.framed = data });</script>
<iframe src="%s/signin"></iframe>`

// signInInFrame signs in by the forms in a frame of another site's page. It returns
// whether the frame then shows the user, or the first form again.
func signInInFrame(t *testing.T, p page, cookies cookie.Config) string {
	t.Helper()
	s := newFormSite(t, formOptions{cookies: cookies, script: framedScript})
	s.users++
	user := s.Fake.NewUser(s.email()).ID
	partner := under("localhost", serve(t, true, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeHTML(w, fmt.Sprintf(embedding, s.url))
	})))
	next := func() (shown string) {
		await(t, "a page in the frame", true, func() bool {
			shown = p.run(`globalThis.framed ?? ""`)
			return shown != ""
		})
		return shown
	}
	send := func(value string) string {
		p.run(fmt.Sprintf(`globalThis.framed = "", frames[0].postMessage(%q, "*"), ""`, value))
		return next()
	}
	p.open(partner)
	if got, want := next(), "/signin Your address:"; got != want {
		t.Fatalf("the frame shows %q, want %q", got, want)
	}
	if got, want := send(s.email()), "/code Your code:"; got != want {
		t.Fatalf("the frame shows %q, want %q", got, want)
	}
	switch got := send(s.Fake.Code(s.email())); got {
	case "/ " + user:
		return "signed in"
	case "/signin Your address:":
		return "not signed in"
	default:
		return got
	}
}

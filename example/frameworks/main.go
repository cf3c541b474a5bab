// Command frameworks runs one of the examples on a fake Crossmint:
//
//	go -C example/frameworks run . chi
//
// Nothing leaves the machine. /demo signs the browser in.
package main

import (
	"fmt"
	"log"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/chi"
	"github.com/crossmint-go/auth/example/frameworks/connect"
	"github.com/crossmint-go/auth/example/frameworks/echo"
	"github.com/crossmint-go/auth/example/frameworks/gin"
	"github.com/crossmint-go/auth/example/frameworks/gorilla"
	"github.com/crossmint-go/auth/example/frameworks/huma"
	"github.com/crossmint-go/auth/example/frameworks/page"
	"github.com/crossmint-go/auth/example/frameworks/servemux"
	"github.com/crossmint-go/auth/example/frameworks/sse"
	"github.com/crossmint-go/auth/example/frameworks/websocket"
	"github.com/crossmint-go/auth/session"
)

// example is a site behind the kit.
type example struct {
	new  func(*session.Manager, *cookie.Codec) http.Handler
	path string // of the protected page
}

var examples = map[string]example{
	"servemux":  {servemux.New, "/me"},
	"chi":       {chi.New, "/me"},
	"gorilla":   {gorilla.New, "/me"},
	"gin":       {gin.New, "/me"},
	"echo":      {echo.New, "/me"},
	"huma":      {huma.New, "/me"},
	"connect":   {connect.New, connect.MeProcedure},
	"page":      {page.New, "/account"},
	"sse":       {sse.New, "/events"},
	"websocket": {websocket.New, "/echo"},
}

const addr = "127.0.0.1:8080"

func main() {
	if len(os.Args) != 2 || examples[os.Args[1]].new == nil {
		log.Fatal("usage: frameworks NAME, one of ", slices.Sorted(maps.Keys(examples)))
	}
	e := examples[os.Args[1]]
	site, _, err := demo(e)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/demo signs in and goes to %s\n", addr, e.path)
	server := &http.Server{Addr: addr, Handler: site, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// demo puts an example on a fake Crossmint, with a way to sign in.
func demo(e example) (site http.Handler, end func(), err error) {
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, JWTLifetime: 20 * time.Second})
	if err != nil {
		return nil, nil, err
	}
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		return nil, nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", e.new(sessions, cookies))
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, r *http.Request) {
		grant := fake.Grant(fake.NewUser("ada@example.com"))
		if err := cookies.Write(w, r, &grant); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, e.path, http.StatusSeeOther)
	})
	return mux, fake.Close, nil
}

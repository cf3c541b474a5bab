package examplepage

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Record contains the requests and the errors of a tab. It is safe for
// concurrent use.
type Record struct {
	mu     sync.Mutex // guards the fields below
	errors []string
	urls   []string
}

// Record starts to record the tab.
func (b *Tab) Record() (*Record, error) {
	r := &Record{}
	return r, chromedp.Listen(b.ctx, r.note)
}

// Errors returns the warnings and errors of the console, including violations
// of the Content-Security-Policy. Failed responses of the API are excluded: the
// page expects them.
func (r *Record) Errors() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errors)
}

// Foreign returns the URLs of the requests to other sites.
func (r *Record) Foreign(site string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var foreign []string
	for _, url := range r.urls {
		if !strings.HasPrefix(url, site+"/") {
			foreign = append(foreign, url)
		}
	}
	return foreign
}

// Requests returns the number of requests.
func (r *Record) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.urls)
}

func (r *Record) note(event any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		r.urls = append(r.urls, e.Request.URL)
	case *runtime.EventExceptionThrown:
		r.errors = append(r.errors, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		r.errors = append(r.errors, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		expected := e.Entry.Source == "network" && strings.Contains(e.Entry.URL, "/api/")
		if !expected && e.Entry.Level != log.EntryLevelInfo {
			r.errors = append(r.errors, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	}
}

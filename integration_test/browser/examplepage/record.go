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

// A Record is what a tab complained of and where it went. It is safe for
// concurrent use.
type Record struct {
	mu         sync.Mutex // guards all below
	complaints []string
	urls       []string
}

// Record starts a record of the tab.
func (b *Tab) Record() (*Record, error) {
	r := &Record{}
	return r, chromedp.Listen(b.ctx, r.note)
}

// Complaints returns the warnings and errors of the console, violations of the
// Content-Security-Policy among them. That the API answered 401 or 503 is
// none: Chromium reports it, but the page expects it.
func (r *Record) Complaints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.complaints)
}

// Foreign returns the requests to other addresses than the site's.
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

// Requests returns how many requests there were.
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
		r.complaints = append(r.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		r.complaints = append(r.complaints, fmt.Sprintf("console.%s", e.Type))
	case *log.EventEntryAdded:
		expected := e.Entry.Source == "network" && strings.Contains(e.Entry.URL, "/api/")
		if !expected {
			r.complaints = append(r.complaints, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	}
}

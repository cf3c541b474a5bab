package examplepage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mark is a request or a call on the time line.
type mark struct{ Class, Fill string }

// marks is an expression for the marks of a selector, keyed by kind and ID.
func marks(selector string) string {
	return `Object.fromEntries([...document.querySelectorAll("` + selector + `")].map((e) => [
		e.dataset.kind + " " + e.dataset.id,
		{ class: e.getAttribute("class"), fill: getComputedStyle(e.querySelector("circle, rect")).fill },
	]))`
}

// observeRunning collects all marks of running requests and calls.
var observeRunning = `(() => {
	window.runningMarks = {};
	const collect = () => Object.assign(window.runningMarks, ` + marks("#line .running") + `);
	new MutationObserver(collect).observe(document.querySelector("#line"), { childList: true, subtree: true });
	return true;
})()`

// TestRunningRequest checks that the marks of running requests and calls differ
// from the marks of the same requests and calls after their responses.
func TestRunningRequest(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	v.setMode("slow")
	read[bool](v, observeRunning)
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent.startsWith("200")`, `!document.querySelector("#line .running")`)

	running := read[map[string]mark](v, `window.runningMarks`)
	finished := read[map[string]mark](v, marks("#line .request, #line .call"))
	kinds := map[string]bool{}
	for id, before := range running {
		kind, _, _ := strings.Cut(id, " ")
		kinds[kind] = true
		after := finished[id]
		if before.Class != kind+" running" || after.Class != kind+" succeeded" || before.Fill == after.Fill {
			t.Errorf("%s: %+v while it runs and %+v afterwards, want different fills", id, before, after)
		}
	}
	if diff := cmp.Diff(map[string]bool{"request": true, "call": true}, kinds); diff != "" {
		t.Errorf("kinds of running marks (-want +got):\n%s", diff)
	}
	v.await(`document.querySelector(".legend .key.running")`)
}

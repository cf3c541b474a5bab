package session

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
)

// warnedCallers holds the program counters of the calls of FromContext that have
// been warned about. A context without an outcome leads to no Manager, so the
// package itself remembers them; a program has few such calls.
var warnedCallers sync.Map

// warnNoMiddleware warns once about each line that calls FromContext for a context
// that no middleware has looked at.
func warnNoMiddleware(ctx context.Context) {
	var callers [1]uintptr
	const skip = 3 // runtime.Callers, this function, FromContext
	runtime.Callers(skip, callers[:])
	if _, warned := warnedCallers.LoadOrStore(callers[0], true); warned {
		return
	}
	frame, _ := runtime.CallersFrames(callers[:]).Next()
	if isRequireClaim(frame.File) {
		return // it responds with an error of its own
	}
	slog.WarnContext(ctx, "crossmint: session.FromContext finds nothing: "+strings.TrimPrefix(errNoMiddleware.Error(), "session: "),
		"caller", fmt.Sprintf("%s:%d", frame.File, frame.Line))
}

// isRequireClaim reports whether a file is that of middleware.RequireClaim. The
// compiler names its functions after their callers, so the file is compared.
func isRequireClaim(file string) bool {
	_, own, _, _ := runtime.Caller(0)
	root, _ := strings.CutSuffix(own, "session/unwired.go")
	return file == root+"middleware/claim.go"
}

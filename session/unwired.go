package session

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"

	"github.com/crossmint-go/auth/internal/wiring"
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
	slog.WarnContext(ctx, "crossmint: session.FromContext finds nothing: "+strings.TrimPrefix(wiring.ErrNoMiddleware.Error(), "session: "),
		"caller", fmt.Sprintf("%s:%d", frame.File, frame.Line))
}

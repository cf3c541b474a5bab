package limit

// A Concurrency limits how many calls run at once. No call waits.
type Concurrency struct {
	slots chan struct{} // one element per running call
}

// NewConcurrency returns a Concurrency that lets limit calls run at once.
func NewConcurrency(limit int) *Concurrency {
	return &Concurrency{slots: make(chan struct{}, limit)}
}

// Acquire reports whether one more call may run. After true the caller must
// call [Concurrency.Release] once.
func (c *Concurrency) Acquire() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Release ends an acquired call.
func (c *Concurrency) Release() { <-c.slots }

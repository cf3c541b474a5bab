package session

import "fmt"

// HasherSecret returns the key of the tokens' names, as fmt would print it.
func (m *Manager) HasherSecret() string { return fmt.Sprintf("%d", m.hasher.secret[:]) }

// Connections returns how many connections are remembered.
func (m *Manager) Connections() (open int) {
	m.live.mu.Lock()
	defer m.live.mu.Unlock()
	for _, of := range m.live.users {
		open += len(of)
	}
	return open
}

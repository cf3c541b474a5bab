package session

// Connections returns how many connections are remembered.
func (m *Manager) Connections() (open int) {
	m.live.mu.Lock()
	defer m.live.mu.Unlock()
	for _, of := range m.live.users {
		open += len(of)
	}
	return open
}

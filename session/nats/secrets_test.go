package nats_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// dump returns all messages of the bucket, the files of the server and the messages
// that a subscriber to everything has received.
func dump(t *testing.T, js jetstream.JetStream, folder string) []byte {
	t.Helper()
	var all bytes.Buffer
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	if state.Msgs < refreshes {
		t.Fatalf("the bucket has %d records, want one for each of %d refreshes", state.Msgs, refreshes)
	}
	for n := state.FirstSeq; n <= state.LastSeq; n++ {
		if m, err := s.GetMsg(t.Context(), n); err == nil { // else it was replaced
			fmt.Fprintln(&all, m.Subject, m.Header, string(m.Data))
		}
	}
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

const refreshes = 100

func TestServersHoldNoSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := startServer(t, func(o *server.Options) { o.StoreDir = folder })
	nc, js := dial(t, s.ClientURL())
	var (
		mu    sync.Mutex // guards heard
		heard bytes.Buffer
	)
	if _, err := nc.Subscribe(">", func(m *natsgo.Msg) {
		mu.Lock()
		defer mu.Unlock()
		heard.WriteString(m.Subject)
		heard.Write(m.Data)
	}); err != nil {
		t.Fatal(err)
	}
	testkit.NoError(t, nc.Flush())
	kit := testkit.New(t, testkit.Config{})
	manager := kit.NewManager(session.Config{Coordinator: newCoordinator(t, nats.Config{URL: session.NewSecret(s.ClientURL())})})
	var canaries []string
	for n := range refreshes {
		email := fmt.Sprint("canary-", n, "@example.com")
		old := kit.Expired(email)
		result, err := manager.Authenticate(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		got := result.Session
		canaries = append(canaries, email, old.JWT.Reveal(), old.RefreshToken.Reveal(), got.UserID, got.JWT.Reveal(), got.RefreshToken.Secret.Reveal())
	}
	all := dump(t, js, folder)
	mu.Lock()
	defer mu.Unlock()
	all = append(all, heard.Bytes()...)
	for n, canary := range canaries {
		if bytes.Contains(all, []byte(canary)) {
			t.Errorf("canary %d is on the server", n)
		}
	}
	if !bytes.Contains(all, []byte("$KV.crossmint.t")) {
		t.Error("the dump has no record")
	}
}

package nats_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/session/nats"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// packageDoc returns the package documentation.
func packageDoc(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(source), "\n//", "\n")
}

// The users of this server may not create the bucket.
func TestDocumentedBucketIsSuitable(t *testing.T) {
	t.Parallel()
	var config jetstream.StreamConfig
	if err := json.Unmarshal([]byte(regexp.MustCompile(`(?s)\t\{\n.*?\n\t\}`).FindString(packageDoc(t))), &config); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "admin", Password: "password"}, limited("app", mayPublish, maySubscribe)}
	})
	_, js := dial(t, urlOf(s, "admin").Reveal())
	config.Replicas = 1 // one server has no more
	if _, err := js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	wantWorking(t, openStore(t, nats.Config{URL: urlOf(s, "app")}))
}

func TestDocumentedPermissionsAreTested(t *testing.T) {
	subjects := regexp.MustCompile(`(?m)^\t(?:publish: |subscribe: )? *(\S+[>t])$`).FindAllStringSubmatch(packageDoc(t), -1)
	var documented []string
	for _, subject := range subjects {
		documented = append(documented, subject[1])
	}
	want := append(append([]string{}, mayPublish...), maySubscribe[1], maySubscribe[0])
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

// around is the rest of the README's program.
const around = `package main

import (
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/nats"
)

var secret string

func main() {
	NEW
	_, _ = fleet, err
}
`

func TestREADMECompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^    (fleet, err := nats.New\(.*)$`).FindStringSubmatch(string(readme))
	if found == nil {
		t.Fatal("the README does not say how a fleet shares by NATS")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(strings.Replace(around, "NEW", found[1], 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("go vet: %s, %v", out, err)
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The names of the Node servers.
const (
	nodeBareName = "bare handler, Node"
	nodeSDKName  = "@crossmint/server-sdk, Node"
)

// nodeModes are their arguments for js/server.mjs.
var nodeModes = map[string]string{nodeBareName: "bare", nodeSDKName: "sdk"}

// install installs the JavaScript packages of the lock file if they are missing.
func install(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join("js", "node_modules", "@crossmint", "server-sdk", "package.json")); err == nil {
		return nil
	}
	command := exec.CommandContext(ctx, "npm", "ci")
	command.Dir = "js"
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci (Node and npm are needed): %w\n%s", err, out)
	}
	return nil
}

// startNode starts a Node contender. Its JavaScript runs on one core; the CPU time
// of its other threads counts, too.
func startNode(ctx context.Context, name string, s settings) (*process, error) {
	command := exec.CommandContext(ctx, "node", "server.mjs", nodeModes[name])
	command.Dir = "js"
	return start(command, name, s)
}

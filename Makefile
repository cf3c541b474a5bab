# All checks of this project. A fresh Debian machine needs go, git, make and Node
# 20 or later, which Debian 12 does not have; "make test" installs the rest where
# it may.

.DEFAULT_GOAL := help

# Go's floor is the one of go.mod; the newest is pinned here, so that a run of
# today can be repeated tomorrow.
GO_FLOOR  := go$(shell sed -n 's/^go //p' go.mod)
GO_NEWEST := go1.27.4

# The tools are run at a fixed version by the newest Go.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
APIDIFF       := golang.org/x/exp/cmd/apidiff@v0.0.0-20261014143641-f0251eb4aa3e
GREMLINS      := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

# The published modules must work with the floor; examples and the tests of other
# modules run with the newest.
PUBLISHED := . session/redis session/postgres session/nats session/otel

# How many jobs "make test" runs at once. Each needs a core and up to 3 GiB.
JOBS ?= 2

# How long each fuzz target runs in "make test": long enough to try its corpus and
# some thousand changes of it. "make fuzz" searches.
FUZZTIME ?= 2s

# How many comments may hide their subject behind "who" or "what". The check is
# in .ci/comments.
MAX_VAGUE_COMMENTS := 10

# How many requests the browser of the model sends, the memory of its verifier in MiB,
# and how many of its runs are replayed for each upstream. The number of states grows
# tenfold and more with each request.
MODEL_REQUESTS ?= 4
MODEL_MEMORY   ?= 1024
MODEL_SEEDS    ?= 100

# How many requests "make lab-large" sends. Each million takes some ten minutes of a core.
LARGE_REQUESTS ?= 10000000

export GO_FLOOR GO_NEWEST GOLANGCI_LINT GOVULNCHECK APIDIFF GREMLINS PUBLISHED JOBS FUZZTIME MAX_VAGUE_COMMENTS
export MODEL_REQUESTS MODEL_MEMORY MODEL_SEEDS LARGE_REQUESTS

.PHONY: help test install lint quick fuzz soak lab lab-large model mutants figures bench compare example pictures api vulnerabilities update go-floor go-newest

help: ## this list
	@sed -nE 's/^([a-z -]+):.*## (.*)/\1|\2/p' Makefile | awk -F '|' '{ printf "make %-20s %s\n", $$1, $$2 }'

test: install ## everything: every module, what is published with both Go versions, linters, fuzzing
	@.ci/all

install: ## what "make test" needs and is not there
	@.ci/install

lint: ## form and static checks of every module
	@.ci/lint

quick: ## the root module's tests with the Go at hand
	go vet ./...
	go test ./...

fuzz: FUZZTIME = 5m
fuzz: ## a longer fuzzing
	.ci/fuzz

soak: ## the whole suite under -race, twenty times
	.ci/soak 20

lab: ## the fault laboratories at full size, 30 % faults: a million requests, and a fleet of ten
	go test ./integration_test/lab -v -timeout=2h -lab.requests=1000000 -lab.users=10000
	go -C session/fleet/fleetlab test -v -timeout=2h -fleet.requests=20000 -fleet.users=400 -fleet.size=10 -fleet.crowd=30s
	go -C session/fleet/fleetlab test -v -timeout=2h -run WithoutStore -fleet.requests=81500 -fleet.users=1630 -fleet.size=10 -fleet.latency=400ms
	go -C session/fleet/fleetlab test -v -timeout=2h -run WithoutStore -fleet.requests=20000 -fleet.users=400 -fleet.size=10 -fleet.latency=400ms -fleet.faults=0

lab-large: ## the laboratory until it has sent ten million requests; an interrupted run goes on
	@.ci/lab-large

model: install ## all runs of a model of sessions with four requests, and some hundred of them replayed
	@.ci/model

mutants: ## changes each operator of the code that decides about sessions, and expects that a test fails
	@.ci/mutants

figures: ## what docs/figures.md says of herds, floods and memory
	go run ./integration_test/figures

bench: ## what a protected request costs, beside other libraries; fails where a target is missed
	go -C integration_test/peers run .

compare: ## what a protected request costs beside another commit: make compare BASE=COMMIT
	@.ci/compare "$(BASE)"

pictures: ## the pictures of the example's page, in docs/pictures
	go -C integration_test/browser run ./pictures

api: ## what the exported API changes since the last tag, and the version that asks for
	.ci/api

vulnerabilities: ## known ones that our code reaches; asks the Go vulnerability database
	.ci/vulnerabilities

update: ## every dependency to its newest version, for "make test" to judge
	.ci/update

go-floor go-newest: ## the two versions of Go, for scripts
	@echo $(if $(filter go-floor,$@),$(GO_FLOOR),$(GO_NEWEST))

example: ## the example, on the embedded fake unless CROSSMINT_API_KEY is set
	go run ./example

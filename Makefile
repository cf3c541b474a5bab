# Everything that this project is checked with. A fresh Debian machine needs
# go, git, make and Node 20 or later, which Debian 12 does not have; the rest is
# installed by "make test" where it may be.

# Go's floor is the one of go.mod; the newest is pinned here, so that a run of
# today can be repeated tomorrow.
GO_FLOOR  := go$(shell sed -n 's/^go //p' go.mod)
GO_NEWEST := go1.27.4

# The tools are run at a fixed version by the newest Go.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@latest
APIDIFF       := golang.org/x/exp/cmd/apidiff@v0.0.0-20261014143641-f0251eb4aa3e

# What people import must work with the floor; examples and the tests of other
# modules run with the newest.
PUBLISHED := . session/redis session/otel

# How long each fuzz target runs in "make test", and in "make fuzz".
FUZZTIME ?= 4s

export GO_FLOOR GO_NEWEST GOLANGCI_LINT GOVULNCHECK APIDIFF PUBLISHED FUZZTIME

.PHONY: test install lint quick fuzz soak lab figures bench example pictures api vulnerabilities update go-floor go-newest

test: install ## everything: every module, what is published with both Go versions, linters, fuzzing
	.ci/lint
	.ci/test $(GO_FLOOR) $(PUBLISHED)
	.ci/test $(GO_NEWEST)
	.ci/fuzz

install: ## what "make test" needs and is not there
	.ci/install

lint: ## form and static checks of every module
	.ci/lint

quick: ## the root module's tests with the Go at hand
	go vet ./...
	go test ./...

fuzz: FUZZTIME = 5m
fuzz: ## a longer fuzzing
	.ci/fuzz

soak: ## the whole suite under -race, twenty times
	.ci/soak 20

lab: ## the fault laboratory at its full size: a million requests, 30 % faults
	go test ./integration_test/lab -v -timeout=60m -lab.requests=1000000 -lab.users=10000

figures: ## what docs/figures.md says of herds, floods and memory
	go run ./integration_test/figures

bench: ## what a protected request costs, beside other libraries; fails where a target is missed
	go -C integration_test/peers run .

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

# `make` lists what there is. Everything else that is needed is fetched or built.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# Where everything that is built once and kept goes: never into the checkout.
export BRIDGESTACK_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bridgestack
# The local cluster that the targets below speak of. Tests use one of their own.
export BRIDGESTACK_CACHE
export BRIDGESTACK_CLUSTER ?= bridgestack

CONTROLLER_GEN := go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
KUSTOMIZE      := go run sigs.k8s.io/kustomize/kustomize/v5@v5.8.2
GOVULNCHECK    := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
# A linter that is linked on every run would take longer than linting.
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT  := $(BRIDGESTACK_CACHE)/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
KUBECTL        ?= kubectl

# The API server and etcd for tests. Built once, then found in the cache.
ASSETS = $(shell cd hack && go run ./cluster binaries)

-include hack/cluster.mk
-include hack/demo.mk

##@ General

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Development

.PHONY: generate
generate: ## Generate the deep copies of the API types.
	$(CONTROLLER_GEN) object paths=./api/...

.PHONY: manifests
manifests: ## Generate the CRDs and the manager's role from the code.
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=manager-role paths=./... output:rbac:artifacts:config=config/rbac

.PHONY: check-generated
check-generated: ## Fail if generated files differ from what the code says.
	KUSTOMIZE='$(KUSTOMIZE)' hack/check-generated

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint both modules; holds the import borders.
	$(GOLANGCI_LINT) run --allow-serial-runners
	cd hack && $(GOLANGCI_LINT) run --allow-serial-runners

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format both modules.
	$(GOLANGCI_LINT) fmt
	cd hack && $(GOLANGCI_LINT) fmt

$(GOLANGCI_LINT):
	@echo "==> building golangci-lint $(GOLANGCI_LINT_VERSION), once (some minutes)"
	cd / && GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities that the code reaches; says so where vuln.go.dev cannot be reached.
	GOVULNCHECK='$(GOVULNCHECK)' hack/vulncheck

.PHONY: build
build: ## Build the operator and the kubectl plugin into bin/.
	CGO_ENABLED=0 go build -trimpath -o bin/ . ./cmd/...

##@ Tests

.PHONY: test
test: ## Everything, from nothing; E2E=required fails where pods cannot be run.
	hack/test all

.PHONY: test-unit
test-unit: ## What needs no API server: pure packages, and probes of real servers.
	hack/test unit

.PHONY: test-api
test-api: ## What needs a real API server: CRDs and controllers.
	hack/test api

.PHONY: test-hack
test-hack: ## The hack module's own tests.
	hack/test hack

.PHONY: test-metrics
test-metrics: ## Alerts and dashboard, by Prometheus itself over what the operator exports.
	hack/test metrics

.PHONY: test-e2e
test-e2e: ## Real pods, on a cluster of the tests' own.
	E2E=required hack/test e2e

.PHONY: test-gitops
test-gitops: ## Real pods beside Flux' own controller, on a cluster of the tests' own.
	E2E=required hack/test gitops

.PHONY: test-services
test-services: ## Python services (FastAPI, asyncpg, aiokafka, ...) in the faults of the runbook, on real pods.
	E2E=required hack/test services

.PHONY: test-faults
test-faults: ## Kill, hold up and refuse the operator at every step of every incident.
	FAULTS=all hack/test faults

.PHONY: test-security
test-security: ## What strangers, tenants and forgetful programs try, and what they get.
	KUBEBUILDER_ASSETS=$(ASSETS) hack/security

.PHONY: test-mutants
test-mutants: ## Break the operator's safeguards one at a time; its tests must notice each.
	KUBEBUILDER_ASSETS=$(ASSETS) && export KUBEBUILDER_ASSETS && cd hack && go run ./mutants

.PHONY: bench
bench: ## Latency, a storm, API calls and memory with 1,000 and 10,000 pods (10 minutes; a quick one: BENCH='-pods 100 -storm 40 -samples 20 -idle 5s').
	cd hack && KUBEBUILDER_ASSETS=$(ASSETS) go run ./bench $(BENCH)

.PHONY: corpus
corpus: ## Diagnose the corpus of real crash logs, or the *.jsonl in CORPUS=folder, and print the score.
	CORPUS=$(CORPUS) go test -count=1 -v -run '$(if $(CORPUS),CorpusFolder,Corpus)' ./internal/diagnosis/...

##@ Installing, into the cluster of the current KUBECONFIG

.PHONY: install
install: ## Install CRDs and operator.
	$(KUBECTL) apply --server-side -k config/default

.PHONY: uninstall
uninstall: ## Remove them, and with the CRDs all stacks and diagnoses.
	# While there is an operator to take back what their policies want taken back.
	-$(KUBECTL) delete bridgestacks --all --all-namespaces --timeout=2m
	-$(KUBECTL) wait bridgediagnoses --all --all-namespaces --for=delete --timeout=6m
	$(KUBECTL) delete --ignore-not-found -k config/default

# The demo: see hack/demo. On another cluster, such as kind or k3d, with the
# images of `make cluster-images` loaded: BRIDGESTACK_USE_CURRENT_CONTEXT=1.

.PHONY: demo
demo: ## Break stacks, and watch what is repaired, held, taken back or left to you.
	cd hack && go run ./demo

.PHONY: demo-down
demo-down: ## Remove what the demo made.
	cd hack && go run ./demo -down

.PHONY: demo-scrapes
demo-scrapes: ## Record what the operator exports during the demo, for the test of the alerts.
	hack/record-demo prometheus/testdata/demo.scrapes

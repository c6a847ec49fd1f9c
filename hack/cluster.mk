# The local cluster: see hack/cluster.

.PHONY: cluster-up
cluster-up: ## Start a real cluster on this machine (root, Linux).
	cd hack && go run ./cluster up

.PHONY: cluster-down
cluster-down: ## Stop it and remove everything of it.
	cd hack && go run ./cluster down

.PHONY: cluster-status
cluster-status: ## Tell what of it works.
	cd hack && go run ./cluster status

.PHONY: cluster-images
cluster-images: ## Make the images for the demo and the tests, and print their tarballs.
	cd hack && go run ./cluster images

.PHONY: cluster-binaries
cluster-binaries: ## Make etcd and the Kubernetes binaries, and print their folder.
	cd hack && go run ./cluster binaries

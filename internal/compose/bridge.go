package compose

import (
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Bridge is the policy that a compose file may carry for the operator, under
// x-bridge. What the BridgeStack says itself wins over all of it.
//
// At the top of the file:
//
//	x-bridge:
//	  topics:            # of the project's only broker
//	    - name: orders.v1
//	      partitions: 3
//
// In a service:
//
//	services:
//	  worker:
//	    x-bridge:
//	      workload: {kind: StatefulSet, name: shop-worker}  # or just its name
//	      memoryCeiling: 1Gi
//	      cpuCeiling: "2"
//	      allowRestart: true
//	      env:                                              # beside environment
//	        LOG_LEVEL: info
//	        API_KEY: {secretKeyRef: {name: api, key: key}}
//	  broker:
//	    x-bridge:
//	      topics: [orders.v1, {name: payments.v1, partitions: 3, replicationFactor: 3}]
//	  adminer:
//	    x-bridge: {ignore: true}                            # no part of the stack
//
// Unknown keys are errors: a misspelt ceiling is none.
type Bridge struct {
	// Workload is what runs the service; default: found by its names.
	Workload *v1alpha1.WorkloadReference
	// MemoryCeiling and CPUCeiling are those of a BridgeStack's service.
	MemoryCeiling, CPUCeiling *resource.Quantity
	// AllowRestart is that of a BridgeStack's service.
	AllowRestart bool
	// Env is declared beside environment, and wins over it. Unlike there, values
	// may be references to Secrets and ConfigMaps of the namespace.
	Env []v1alpha1.DeclaredEnv
	// Topics that the service, a broker, should have.
	Topics []v1alpha1.DeclaredTopic
	// Ignore leaves the service out of the stack.
	Ignore bool
}

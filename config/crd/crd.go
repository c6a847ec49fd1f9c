// Package crd has the CustomResourceDefinitions, for programs that validate
// objects without a cluster.
package crd

import _ "embed"

// BridgeStacks is the definition of BridgeStack, in YAML.
//
//go:embed bases/bridgestack.dev_bridgestacks.yaml
var BridgeStacks []byte

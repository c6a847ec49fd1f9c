package probe

import "github.com/bridgestack/operator/internal/server"

func init() { probes[server.Redis] = (*run).tcp }

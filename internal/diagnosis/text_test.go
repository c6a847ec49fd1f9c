package diagnosis

import "testing"

func TestAddressIn(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port int32
	}{
		"dial tcp orders-db:5432: connect: connection refused":                {"orders-db", 5432},
		"{ code: 'ECONNREFUSED', address: '10.0.0.7', port: 5432 }":           {"10.0.0.7", 5432},
		"[Errno 111] Connect call failed ('10.0.0.7', 5433)":                  {"10.0.0.7", 5433},
		"[Errno 111] Connect call failed ('fd00::7', 5433, 0, 0)":             {"fd00::7", 5433},
		"Connect call failed ('10.0.0.7', 5432), call failed ('10.0.0.8', 1)": {"10.0.0.7", 5432},
		"('orders', 'id')": {"", 0},
	} {
		if host, port := addressIn(text); host != want.host || port != want.port {
			t.Errorf("%s: %s %d, want %s %d", text, host, port, want.host, want.port)
		}
	}
}

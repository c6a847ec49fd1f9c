package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// nodeName of the only node.
const nodeName = "bench"

// kubelet is in the place of one: the API server gets the logs of containers from
// it, over TLS, as from any other.
type kubelet struct {
	server *httptest.Server
	// logs that were asked for, in number.
	logs atomic.Int64
}

// startKubelet serves logs and makes its node.
func startKubelet(ctx context.Context, client kubernetes.Interface) (*kubelet, error) {
	k := &kubelet{}
	// GET /containerLogs/NAMESPACE/POD/CONTAINER?previous=true
	k.server = httptest.NewTLSServer(http.HandlerFunc(k.serve))
	address, ok := k.server.Listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("the kubelet listens at %s", k.server.Listener.Addr())
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	node, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create the node: %w", err)
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.IP.String()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(address.Port)
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return nil, fmt.Errorf("tell where the node's kubelet is: %w", err)
	}
	return k, nil
}

func (k *kubelet) stop() { k.server.Close() }

func (k *kubelet) serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 4 || parts[0] != "containerLogs" {
		http.NotFound(w, r)
		return
	}
	k.logs.Add(1)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(faultOf(parts[2]).log)
}

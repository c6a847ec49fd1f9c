package observe

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// What a node has left is not known where not all of its pods were read, and they are
// read from where the API server has them by node.
func TestRoomIsKnownOfWholeNodesOnly(t *testing.T) {
	room := func(memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-a"}, Status: corev1.NodeStatus{
		Allocatable: room("8Gi"), Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
	further := ""
	live := fake.NewClientBuilder().WithObjects(node).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			pods, are := list.(*corev1.PodList)
			if !are {
				return c.List(ctx, list, options...)
			}
			var asked client.ListOptions
			asked.ApplyOptions(options)
			if got := asked.AsListOptions(); got.ResourceVersion != "0" || got.FieldSelector != "spec.nodeName=node-a" {
				t.Errorf("asked for %+v", got)
			}
			pods.Continue = further
			pods.Items = []corev1.Pod{{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: room("5Gi")}}}}}}
			return nil
		}}).Build()
	reader := New(Options{Cached: live, Live: live})
	for name, whole := range map[string]bool{"": true, "more": false} {
		further = name
		rooms, err := reader.rooms(t.Context(), &corev1.Pod{})
		if err != nil || len(rooms) != 1 || rooms[0].FreeKnown != whole || whole && rooms[0].Free.MemoryRequest != 3<<30 {
			t.Errorf("continue %q: %+v, %v", name, rooms, err)
		}
	}
}

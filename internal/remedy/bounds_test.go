package remedy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func amounts(memory, cpu string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourceCPU: resource.MustParse(cpu)}
}

func TestBoundsTakeTheTightest(t *testing.T) {
	quota := func(hard, used string) corev1.ResourceQuota {
		return corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "of-" + hard}, Status: corev1.ResourceQuotaStatus{
			Hard: corev1.ResourceList{corev1.ResourceLimitsMemory: resource.MustParse(hard)},
			Used: corev1.ResourceList{corev1.ResourceLimitsMemory: resource.MustParse(used)},
		}}
	}
	limits := func(memory, cpu string, kind corev1.LimitType) corev1.LimitRange {
		return corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: kind, Max: amounts(memory, cpu)}}}}
	}
	share := int32(80)
	scaler := func(target string, metric corev1.ResourceName) autoscalingv2.HorizontalPodAutoscaler {
		return autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Name: target + "-" + string(metric)},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: target},
				Metrics: []autoscalingv2.MetricSpec{{Resource: &autoscalingv2.ResourceMetricSource{Name: metric,
					Target: autoscalingv2.MetricTarget{AverageUtilization: &share}}}},
			},
		}
	}
	got := BoundsOf(Limits{
		Nodes: []corev1.Node{
			{Status: corev1.NodeStatus{Allocatable: amounts("1Gi", "2")}},
			{Status: corev1.NodeStatus{Allocatable: amounts("4Gi", "1500m")}},
		},
		LimitRanges: []corev1.LimitRange{limits("2Gi", "1", corev1.LimitTypeContainer), limits("512Mi", "3", corev1.LimitTypeContainer), limits("1Mi", "1m", corev1.LimitTypePod)},
		Quotas:      []corev1.ResourceQuota{quota("2Gi", "1Gi"), quota("1Gi", "768Mi"), {}},
		Autoscalers: []autoscalingv2.HorizontalPodAutoscaler{scaler("api", corev1.ResourceCPU), scaler("web", corev1.ResourceMemory), scaler("api", corev1.ResourceMemory)},
	}, v1alpha1.Deployment, "api", 2)
	want := Bounds{
		LargestNodeMemory: 4 << 30, LargestNodeCPU: 2000,
		MaxContainerMemory: 512 << 20, MaxContainerCPU: 1000,
		QuotaMemoryLeft: &QuotaRoom{Quota: "of-1Gi", Resource: corev1.ResourceLimitsMemory, Left: 256 << 20}, Replicas: 2, MemoryScaler: "api-memory",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnOverspentQuotaLeavesNothing(t *testing.T) {
	got := BoundsOf(Limits{Quotas: []corev1.ResourceQuota{{Status: corev1.ResourceQuotaStatus{
		Hard: corev1.ResourceList{corev1.ResourceLimitsCPU: resource.MustParse("1")},
		Used: corev1.ResourceList{corev1.ResourceLimitsCPU: resource.MustParse("2")},
	}}}}, v1alpha1.Deployment, "api", 1)
	if got.QuotaCPULeft == nil || got.QuotaCPULeft.Left != 0 {
		t.Errorf("got %v", got.QuotaCPULeft)
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// TestAVolumeIsADirectory, from its claim until nobody claims it.
func TestAVolumeIsADirectory(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data", UID: "1"}}
	claim.Spec.StorageClassName = new(class)
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	other := claim.DeepCopy()
	other.Name, other.UID, other.Spec.StorageClassName = "other", "2", new("another")
	d := directories{Client: fake.NewClientBuilder().WithObjects(claim, other).Build(), folder: t.TempDir(), node: "node"}
	for range 2 { // the second time, it is there
		for _, c := range []*corev1.PersistentVolumeClaim{claim, other} {
			if err := d.provision(t.Context(), client.ObjectKeyFromObject(c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var volumes corev1.PersistentVolumeList
	if err := d.List(t.Context(), &volumes); err != nil || len(volumes.Items) != 1 {
		t.Fatalf("got %+v, %v", volumes.Items, err)
	}
	v := volumes.Items[0]
	if err := os.WriteFile(filepath.Join(v.Spec.Local.Path, "data"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Status.Phase = corev1.VolumeBound
	d.removed(t, &v, true)
	v.Status.Phase = corev1.VolumeReleased
	d.removed(t, &v, false)
}

// removed fails unless the volume is there or not, once remove has seen it.
func (d directories) removed(t *testing.T, v *corev1.PersistentVolume, left bool) {
	t.Helper()
	if err := d.Status().Update(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if err := d.remove(t.Context(), client.ObjectKeyFromObject(v)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(v.Spec.Local.Path); os.IsNotExist(err) == left {
		t.Errorf("%s: the directory: %v", v.Status.Phase, err)
	}
	if err := d.Get(t.Context(), client.ObjectKeyFromObject(v), v); (err == nil) != left {
		t.Errorf("%s: the volume: %v", v.Status.Phase, err)
	}
}

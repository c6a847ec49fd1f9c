// Command volumes makes the local cluster's volumes: each claim of its storage class
// gets a directory of the node. They are local volumes, so that the kubelet gives them
// to a pod's fsGroup as it does with a disk, and a fresh one is root's alone.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// class is the storage class whose claims are served.
	class = "local"
	// folder is where the volumes are, under the same path in the pod and on the node.
	folder = "/var/lib/volumes"
)

func main() {
	if err := run(); err != nil {
		log.Fatalf("volumes: %v", err)
	}
}

func run() error {
	ctrllog.SetLogger(klog.NewKlogr())
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	d := directories{Client: manager.GetClient(), folder: folder, node: os.Getenv("NODE_NAME")}
	err = ctrl.NewControllerManagedBy(manager).Named("claims").For(&corev1.PersistentVolumeClaim{}).Complete(ctrlFunc(d.provision))
	if err != nil {
		return fmt.Errorf("watch claims: %w", err)
	}
	err = ctrl.NewControllerManagedBy(manager).Named("volumes").For(&corev1.PersistentVolume{}).Complete(ctrlFunc(d.remove))
	if err != nil {
		return fmt.Errorf("watch volumes: %w", err)
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// ctrlFunc is a reconciler that has nothing to wait for.
type ctrlFunc func(ctx context.Context, key client.ObjectKey) error

func (f ctrlFunc) Reconcile(ctx context.Context, r ctrl.Request) (ctrl.Result, error) {
	return ctrl.Result{}, f(ctx, r.NamespacedName)
}

// directories of a node, one for each volume.
type directories struct {
	client.Client
	folder, node string
}

func (d directories) path(volume string) string {
	return filepath.Join(d.folder, filepath.Base(volume))
}

// provision makes the volume of a claim that has none.
func (d directories) provision(ctx context.Context, key client.ObjectKey) error {
	var claim corev1.PersistentVolumeClaim
	if err := d.Get(ctx, key, &claim); err != nil {
		return client.IgnoreNotFound(err)
	}
	if claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName != class || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
		return nil
	}
	volume := d.volumeOf(claim)
	if err := os.MkdirAll(volume.Spec.Local.Path, 0o755); err != nil {
		return fmt.Errorf("make the directory of a volume: %w", err)
	}
	return client.IgnoreAlreadyExists(d.Create(ctx, volume))
}

// volumeOf a claim is bound to it, and to nobody else.
func (d directories) volumeOf(claim corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(claim.UID)}}
	v.Spec.StorageClassName = class
	v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
	v.Spec.AccessModes = claim.Spec.AccessModes
	v.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: sizeOf(claim)}
	v.Spec.ClaimRef = &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
	v.Spec.Local = &corev1.LocalVolumeSource{Path: d.path(v.Name)}
	here := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{d.node}}
	v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{here}}},
	}}
	return v
}

func sizeOf(claim corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// remove a volume whose claim is gone, with what is in it.
func (d directories) remove(ctx context.Context, key client.ObjectKey) error {
	var volume corev1.PersistentVolume
	if err := d.Get(ctx, key, &volume); err != nil {
		return client.IgnoreNotFound(err)
	}
	if volume.Spec.StorageClassName != class || volume.Status.Phase != corev1.VolumeReleased {
		return nil
	}
	if err := os.RemoveAll(d.path(volume.Name)); err != nil {
		return fmt.Errorf("remove the directory of a volume: %w", err)
	}
	return client.IgnoreNotFound(d.Delete(ctx, &volume))
}

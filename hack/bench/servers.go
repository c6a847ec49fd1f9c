package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// operatorUser is who the operator is to the API server: bound to its role and
// nothing else, and without the exemptions of an admin.
const operatorUser = "bridgestack-operator"

// auditPolicy lets the API server write down what the operator calls.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
  users: [` + operatorUser + `]
- level: None
`

// servers are etcd and the API server, with the CRDs.
type servers struct {
	environment *envtest.Environment
	// config is an admin's.
	config *rest.Config
	// audit is the file with the operator's calls.
	audit string
	// kubeconfig is the file that makes a client the operator.
	kubeconfig string
}

// startServers starts them; folder is theirs, hack the path of this module.
func startServers(ctx context.Context, folder, hack string) (*servers, error) {
	binaries, err := binariesFolder(ctx, hack)
	if err != nil {
		return nil, err
	}
	s := &servers{audit: filepath.Join(folder, "audit.log"), kubeconfig: filepath.Join(folder, "kubeconfig")}
	policy := filepath.Join(folder, "audit.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, fmt.Errorf("write the audit policy: %w", err)
	}
	s.environment = &envtest.Environment{
		BinaryAssetsDirectory: binaries,
		CRDDirectoryPaths:     []string{filepath.Join(hack, "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// On a busy machine it takes its time.
		ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	s.environment.ControlPlane.GetAPIServer().Configure().
		Set("audit-policy-file", policy).
		Set("audit-log-path", s.audit)
	// A write is on the disk when it is acknowledged, as it is elsewhere.
	s.environment.ControlPlane.Etcd = &envtest.Etcd{}
	s.environment.ControlPlane.Etcd.Configure().Set("unsafe-no-fsync", "false").Set("quota-backend-bytes", "4294967296")
	if s.config, err = s.environment.Start(); err != nil {
		return nil, fmt.Errorf("start etcd and the API server: %w", err)
	}
	s.config.QPS = -1
	if err := s.addOperator(ctx, hack); err != nil {
		return nil, s.stopAfter(err)
	}
	return s, nil
}

func (s *servers) stopAfter(err error) error {
	_ = s.environment.Stop()
	return err
}

// addOperator makes its user, with the role that it is installed with.
func (s *servers) addOperator(ctx context.Context, hack string) error {
	user, err := s.environment.AddUser(envtest.User{Name: operatorUser, Groups: []string{"system:authenticated"}}, nil)
	if err != nil {
		return fmt.Errorf("make the operator's user: %w", err)
	}
	text, err := user.KubeConfig()
	if err != nil {
		return fmt.Errorf("make the operator's kubeconfig: %w", err)
	}
	if err := os.WriteFile(s.kubeconfig, text, 0o600); err != nil {
		return fmt.Errorf("write the operator's kubeconfig: %w", err)
	}
	file := filepath.Join(hack, "..", "config", "rbac", "role.yaml")
	if text, err = os.ReadFile(file); err != nil {
		return fmt.Errorf("read the operator's role: %w", err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal(text, &role); err != nil {
		return fmt.Errorf("read the operator's role, %s: %w", file, err)
	}
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if _, err := client.RbacV1().ClusterRoles().Create(ctx, &role, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the operator's role: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: operatorUser},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind the operator's role: %w", err)
	}
	return nil
}

// binariesFolder has etcd and kube-apiserver, as `go run ./cluster binaries` makes them.
func binariesFolder(ctx context.Context, hack string) (string, error) {
	if folder := os.Getenv("KUBEBUILDER_ASSETS"); folder != "" {
		return folder, nil
	}
	run := exec.CommandContext(ctx, "go", "run", "./cluster", "binaries")
	run.Dir, run.Stderr = hack, nil
	folder, err := subprocess.Output(run)
	if err != nil {
		return "", fmt.Errorf("make etcd and kube-apiserver: %w", err)
	}
	return folder, nil
}

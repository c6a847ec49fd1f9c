// Package images makes container images without Docker and without a registry.
package images

import (
	_ "embed"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The images that the cluster itself needs.
const (
	Pause   = "bridgestack.dev/pause:dev"
	CoreDNS = "bridgestack.dev/coredns:dev"
	Volumes = "bridgestack.dev/volumes:dev"
)

const (
	nonroot     = "65532:65532"
	programPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

//go:embed rabbitmq/entrypoint.sh
var rabbitEntrypoint string

// leaveOutLists leaves out what only building the system took.
const leaveOutLists = `
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
`

// Image is an image to be made: to add one, add a row to Workloads.
type Image struct {
	Reference string
	Layers    []Layer
	Config    v1.Config
}

// Workloads are the images for the demo and the tests.
var Workloads = append([]Image{
	program("bridgestack.dev/operator:dev", GoProgram{Module: "..", Package: ".", Path: "/manager"}),
	program("bridgestack.dev/demo-service:dev", GoProgram{Package: "./demo-service", Path: "/demo-service"}),
	program("bridgestack.dev/kafka-broker:dev", GoProgram{Package: "./kafka-broker", Path: "/kafka-broker"}),
	{
		Reference: "bridgestack.dev/postgres:15",
		Layers: []Layer{
			Debian{Suite: "bookworm", Packages: []string{"postgresql-15"}, Setup: postgresSetup, Finish: postgresFinish},
			File{Content: postgresEntrypoint, Path: "/usr/local/bin/postgres-entrypoint"},
		},
		Config: v1.Config{
			Entrypoint:   []string{"/usr/local/bin/postgres-entrypoint"},
			Cmd:          []string{"postgres"},
			Env:          []string{programPath + ":/usr/lib/postgresql/15/bin", "LANG=C.UTF-8", "PGDATA=/var/lib/postgresql/data"},
			ExposedPorts: map[string]struct{}{"5432/tcp": {}},
			StopSignal:   "SIGINT", // a fast shutdown, which doesn't wait for clients
		},
	},
	{
		Reference: "bridgestack.dev/mariadb:10.11",
		Layers: []Layer{
			Debian{Suite: "bookworm", Packages: []string{"mariadb-server-core", "mariadb-client-core"}, Setup: mariadbSetup, Finish: mariadbFinish},
			File{Content: mariadbEntrypoint, Path: "/usr/local/bin/mariadb-entrypoint"},
		},
		Config: v1.Config{
			Entrypoint:   []string{"/usr/local/bin/mariadb-entrypoint"},
			Cmd:          []string{"mariadbd"},
			Env:          []string{programPath, "LANG=C.UTF-8", "DATADIR=/var/lib/mysql"},
			ExposedPorts: map[string]struct{}{"3306/tcp": {}},
		},
	},
	{
		Reference: "bridgestack.dev/redis:7",
		Layers:    []Layer{Debian{Suite: "bookworm", Packages: []string{"redis-server"}, Finish: leaveOutLists}},
		Config: v1.Config{
			Entrypoint:   []string{"redis-server", "--bind", "* -::*", "--protected-mode", "no", "--dir", "/tmp", "--save", ""},
			User:         nonroot,
			Env:          []string{programPath, "LANG=C.UTF-8"},
			ExposedPorts: map[string]struct{}{"6379/tcp": {}},
		},
	},
	{
		Reference: "bridgestack.dev/rabbitmq:3",
		Layers: []Layer{
			Debian{Suite: "bookworm", Packages: []string{"rabbitmq-server"}, Finish: leaveOutLists},
			File{Content: rabbitEntrypoint, Path: "/usr/local/bin/rabbitmq-entrypoint"},
		},
		Config: v1.Config{
			Entrypoint:   []string{"/usr/local/bin/rabbitmq-entrypoint"},
			User:         nonroot,
			Env:          []string{programPath, "LANG=C.UTF-8"},
			ExposedPorts: map[string]struct{}{"5672/tcp": {}},
		},
	},
	{
		// test/services: hook-receiver, or another module of it that is named.
		Reference: "bridgestack.dev/bridge-services:dev",
		Layers: []Layer{
			Debian{Suite: "bookworm", Packages: []string{"python3"}, Finish: leaveOutLists},
			PythonPackages{Requirements: "../test/services/requirements.txt", Path: "/usr/local/lib/python" + pythonVersion + "/dist-packages"},
			Sources{Folder: "../test/services", Path: "/srv/services"},
		},
		Config: v1.Config{
			Entrypoint: []string{"python3", "-m"},
			Cmd:        []string{"bridge_services.hook_receiver"},
			User:       nonroot,
			Env:        []string{programPath, "LANG=C.UTF-8", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"},
			WorkingDir: "/srv/services",
		},
	},
}, servers...)

// System are the images that the cluster itself needs, of which some are made
// from its binaries.
func System(binaries string) []Image {
	return []Image{
		program(Pause, GoProgram{Package: "./images/pause", Path: "/pause"}),
		program(Volumes, GoProgram{Package: "./volumes", Path: "/volumes"}),
		{
			Reference: CoreDNS,
			Layers:    []Layer{HostFile{Source: binaries + "/coredns", Path: "/coredns"}},
			Config:    v1.Config{Entrypoint: []string{"/coredns"}, User: nonroot},
		},
	}
}

// program is a static program on nothing else, which doesn't run as root.
func program(reference string, source GoProgram) Image {
	return Image{
		Reference: reference,
		Layers:    []Layer{source},
		Config:    v1.Config{Entrypoint: []string{source.Path}, User: nonroot, Env: []string{programPath}},
	}
}

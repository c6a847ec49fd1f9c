package images

import (
	"embed"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

//go:embed servers/*.sh
var entrypoints embed.FS

// servers are Debian's own, under the names and with the entrypoints that people know
// them by: each starts as root, gives its data away to its user and goes on as that one.
var servers = []Image{
	server("redis", "7", "6379", smallServers, "redis-server"),
	server("nginx", "1", "80", smallServers, "nginx", "-g", "daemon off;"),
	server("rabbitmq", "3", "5672", debianServer("rabbitmq:999:/var/lib/rabbitmq", "rabbitmq-server", "amqp-tools"), "rabbitmq-server"),
}

// smallServers are one layer of two images.
var smallServers = debianServer("redis:999:/data", "redis-server", "nginx-light")

func server(name, tag, port string, system Debian, command ...string) Image {
	entrypoint, err := entrypoints.ReadFile("servers/" + name + ".sh")
	if err != nil {
		panic(err) // it is embedded
	}
	return Image{
		Reference: "bridgestack.dev/debian/" + name + ":" + tag,
		Layers:    []Layer{system, File{Content: string(entrypoint), Path: "/usr/local/bin/docker-entrypoint.sh"}},
		Config: v1.Config{
			Entrypoint:   []string{"docker-entrypoint.sh"},
			Cmd:          command,
			Env:          []string{programPath, "LANG=C.UTF-8"},
			ExposedPorts: map[string]struct{}{port + "/tcp": {}},
		},
	}
}

// debianServer is a system with some packages and a user of theirs, given as
// name:number:directory, who is there before the packages take any free number.
func debianServer(user string, packages ...string) Debian {
	part := strings.Split(user, ":")
	return Debian{
		Suite: "bookworm", Packages: packages,
		Setup: strings.NewReplacer("NAME", part[0], "ID", part[1], "DIRECTORY", part[2]).Replace(`
echo 'NAME:x:ID:' >> "$1/etc/group"
echo 'NAME:x:ID:ID::DIRECTORY:/bin/sh' >> "$1/etc/passwd"
`),
		Finish: strings.NewReplacer("NAME", part[0], "DIRECTORY", part[2]).Replace(`
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"DIRECTORY
mkdir -p "$1DIRECTORY" "$1/var/log/nginx" "$1/var/log/rabbitmq" "$1/run/mysqld"
chroot "$1" chown NAME: DIRECTORY /var/log/rabbitmq /run/mysqld
`),
	}
}
